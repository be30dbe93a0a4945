"""Test drift metrics and alerts with real servers, a real Prometheus and changing photographs.

Photographs that the model has never seen but that are like its training, then the same by another
camera; in addition two replicas that share this traffic, and a service that is sent as many other
photographs only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import httpx
import numpy as np
import pytest

from handlers.classifier import Classifier
from handlers.drift import FEATURES, Baseline, image_statistics
from handlers.imaging import centre_view, decode
from monitoring import threshold_file
from monitoring.dashboards import files as dashboards
from monitoring.drift_report.__main__ import main as drift_report
from monitoring.local.prometheus import Prometheus, Target
from monitoring.prometheus import files as rules
from monitoring.resampling import drift_index
from monitoring.settings import LocalSettings
from serving.local import LocalServer
from serving.settings import free_ports
from tests.e2e.conftest import Trained
from tests.e2e.environment import REAL, SERVED, train
from tests.e2e.requests_of import EXPLAIN, instances
from tests.e2e.watching import (
    OF_GROUPS,
    OF_OUTCOMES,
    Figures,
    Watched,
    changed,
    has_values,
    photographs_of,
)
from training.synthetic import draw_set

PHOTOGRAPHS = 128
"""Sent of each set: more than the 100 that an alert needs."""
NO_LOCK = "a server without a lock knows no names and refuses nobody for want of a key"
NO_OUTCOMES = "receipts are switched off here: test_performance_live.py has outcomes"
NO_5XX = "a counter of 5xx begins with the first of them, and there was none"
RIGHTLY_EMPTY = {
    "LesionLensAbsent": "absent() gives a series where nothing is there, and a server is",
    "LesionLensBaselineMissing": "`unless` leaves nothing where the baseline is there",
    "LesionLensCancerShareChanged": "it compares with the hour before, and there was none",
    "LesionLensEstimateTooHigh": NO_OUTCOMES,
    "LesionLensMeasuredSensitivityLow": NO_OUTCOMES,
    "LesionLensNoOutcomes": NO_OUTCOMES,
    "LesionLensNoTraffic": "it compares with yesterday, and there was none",
    "LesionLensRefusals": NO_LOCK,
    "LesionLensServerErrors": NO_5XX,
    "Not answered, by name": NO_LOCK,
    "Requests by name": NO_LOCK,
    "Responses by HTTP status": NO_5XX,
    "Without a valid key or token": NO_LOCK,
}
"""Rules and panels of which an expression gives nothing here."""
EXPLAINED = ("grad_cam", "integrated_gradients")
"""Methods that have a value in every series, a quick one and a slow one."""
DRIFT = {"LesionLensDriftCritical", "LesionLensDriftWarning"}
ONE, TWO, OTHERS = "melanoma", "two-replicas", "other-photographs"
RUNTIMES = {ONE: "torchserve", TWO: "kserve", OTHERS: "kserve"}
"""Of each service: the metrics of both are read by the same rules."""


@dataclass(frozen=True)
class Case:
    """Model and two held-out sets of photographs like its training data."""

    store: Path
    model: Path
    first: list[bytes]
    second: list[bytes]
    replicas: bool
    """Whether two servers more share its traffic."""


@dataclass(frozen=True)
class Story:
    """Metrics and alerts after unchanged photographs, and after the change."""

    watched: Watched
    case: Case
    before: dict[str, Figures]
    after: dict[str, Figures]
    moments: tuple[datetime, datetime, datetime]
    """The start, the change, and the end."""


@pytest.fixture(scope="module", params=["real" if REAL else "drawn"])
def case(
    request: pytest.FixtureRequest, prometheus: str, tmp_path_factory: pytest.TempPathFactory
) -> Case:
    if request.param == "drawn":
        return drawn(tmp_path_factory.mktemp("drawn"))
    trained: Trained = request.getfixturevalue("trained")
    return Case(
        trained.store,
        trained.build / "model",
        photographs_of(trained.photographs, "first")[:PHOTOGRAPHS],
        photographs_of(trained.photographs, "second")[:PHOTOGRAPHS],
        replicas=True,
    )


def drawn(folder: Path) -> Case:
    counts = {"train": 240, "test": 10, "first": PHOTOGRAPHS // 2, "second": PHOTOGRAPHS // 2}
    draw_set(folder / "photographs", per_class=counts)
    train(folder, SERVED.name, LESIONLENS_DATA=str(folder / "photographs"))
    return Case(
        folder / "store",
        folder / "build" / "model",
        photographs_of(folder / "photographs", "first"),
        photographs_of(folder / "photographs", "second"),
        replicas=not REAL,
    )


@contextmanager
def running(servers: Sequence[LocalServer]) -> Iterator[None]:
    """Start and stop all servers concurrently."""
    with ThreadPoolExecutor(len(servers)) as pool:
        try:
            for server in servers:
                server.start()
            list(pool.map(LocalServer.wait_ready, servers))
            yield
        finally:
            list(pool.map(LocalServer.stop, servers))


@pytest.fixture(scope="module")
def story(
    case: Case, serving: Callable[..., LocalServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    counts = {ONE: 1, OTHERS: 1} | ({TWO: 2} if case.replicas else {})
    with ExitStack() as stack:
        services = {
            name: [serving(archive=case.store, runtime=RUNTIMES[name]) for _ in range(count)]
            for name, count in counts.items()
        }
        stack.enter_context(running(list(chain.from_iterable(services.values()))))
        targets = [
            Target(server.metrics.removeprefix("http://"), name)
            for name, servers in services.items()
            for server in servers
        ]
        settings = LocalSettings(
            prometheus_port=free_ports()["metrics_port"],
            build=tmp_path_factory.mktemp("prometheus"),
            scrape_seconds=1,
        )
        watched = Watched(stack.enter_context(Prometheus(settings, targets)), services)
        watched.settle()  # every counter's zero has been seen
        moments = [datetime.now(UTC)]
        watched.settle()  # a window counts from the first scrape in it

        for name in services:
            watched.send(name, case.second if name == OTHERS else case.first)
        watched.settle()
        before = {name: watched.figures(name) for name in services}
        moments.append(datetime.now(UTC))
        watched.settle()

        moved = [changed(photograph) for photograph in case.first]
        for name in services.keys() - {OTHERS}:
            watched.send(name, moved)
        watched.settle()
        after = {name: watched.figures(name) for name in services}
        start, change, end = (*moments, datetime.now(UTC))
        yield Story(watched, case, before, after, (start, change, end))


def test_photographs_like_the_training_data_raise_no_alert(story: Story) -> None:
    for name, seen in story.before.items():
        assert seen.index.keys() == seen.limit.keys()
        assert len(seen.index) == 10  # five features, an hour and a day: there were enough
        for place, index in seen.index.items():
            assert index < seen.limit[place], (name, place)
        assert not {alert for alert, _ in seen.firing} & DRIFT


def test_drift_is_reported_only_for_the_changed_service(story: Story) -> None:
    for name in story.after.keys() - {OTHERS}:
        seen = story.after[name]
        over = {place for place, index in seen.index.items() if index > seen.limit[place]}
        assert {("sharpness", "1h"), ("sharpness", "1d"), ("brightness", "1d")} <= over
        firing = {place for place in seen.firing if place[0] in DRIFT}
        assert firing == {
            ("LesionLensDriftCritical" if window == "1h" else "LesionLensDriftWarning", feature)
            for feature, window in over
        }
    assert not {alert for alert, _ in story.after[OTHERS].firing} & DRIFT


def test_two_replicas_count_what_one_process_counts(story: Story) -> None:
    if not story.case.replicas:
        pytest.skip("two servers more only once, with the real photographs")
    for figures in (story.before, story.after):
        assert figures[TWO].bins == figures[ONE].bins
        # increase() extrapolates, and the ends of the replicas' series differ by a scrape.
        assert figures[TWO].index == pytest.approx(figures[ONE].index, rel=0.05, abs=0.005)


def test_index_equals_that_computed_without_a_server(story: Story) -> None:
    baseline: Baseline = Classifier.load(story.case.model, variant=SERVED.name).baseline
    views = [centre_view(decode(photograph)) for photograph in story.case.first]
    statistics = [image_statistics(view) for view in views]
    limits = threshold_file.load().windows
    for feature in set(FEATURES) & set(statistics[0]):
        shares = np.asarray(baseline.drift[feature].shares)
        places = [int(baseline.bin_of(feature, row[feature])) for row in statistics]
        counts = np.bincount(places, minlength=len(shares))
        seen = story.before[ONE]
        assert [seen.bins[feature, str(place)] for place in range(len(shares))] == counts.tolist()
        index = float(drift_index(counts, shares))
        assert seen.index[feature, "1h"] == pytest.approx(index, rel=0.05, abs=0.005)
        limit = limits["1h"].index(PHOTOGRAPHS, baseline.photographs)
        # Prometheus extrapolates the number of photographs, on which the limit depends.
        assert seen.limit[feature, "1h"] == pytest.approx(limit, rel=0.05)


def test_drift_report_of_two_windows_detects_the_change(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, change, end = (moment.isoformat() for moment in story.moments)
    monkeypatch.setenv("LESIONLENS_PROMETHEUS", story.watched.prometheus.url)
    monkeypatch.setenv("LESIONLENS_REPORTS", str(tmp_path))

    assert drift_report([f"{start}/{change}", f"{change}/{end}"]) == 0

    (section,) = json.loads((tmp_path / "drift" / "drift.json").read_text())["sections"]
    for count in section["photographs"].values():
        assert count == pytest.approx(PHOTOGRAPHS, rel=0.1)
    features = section["features"]
    assert features["sharpness"]["changed"]
    assert features["sharpness"]["index_reference"] < 0.25 < features["sharpness"]["index_current"]


def test_names_window_without_photographs(
    story: Story, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LESIONLENS_PROMETHEUS", story.watched.prometheus.url)

    assert drift_report(["-3h/-2h", "-2h/-1h"]) == 2

    assert "no photograph of melanoma in local was counted from" in capsys.readouterr().err


def test_every_expression_returns_series(story: Story) -> None:
    watched, photograph = story.watched, story.case.first[0]
    url = watched.services[ONE][0].inference + EXPLAIN
    # Twice: a histogram's series begins with its first value, of which rate() sees no increase.
    for _ in range(2):
        for method in EXPLAINED:
            body = instances(photograph, method=method)
            assert httpx.post(url, json=body, timeout=120).status_code == 200
        assert httpx.post(url, json={}, timeout=120).status_code == 400
        watched.settle()

    asked = [*rules.expressions(), *dashboards.expressions()]
    empty = {
        name
        for name, expression in asked
        if not name.startswith((*OF_GROUPS, *OF_OUTCOMES))
        and not has_values(watched, name, expression)
    }

    # On busy cores requests are refused with 503, and then there are errors to count.
    always = {name for name, why in RIGHTLY_EMPTY.items() if why != NO_5XX}
    assert always <= empty <= set(RIGHTLY_EMPTY)
    assert all(rule["health"] == "ok" for rule in watched.rules())

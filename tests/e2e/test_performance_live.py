"""Test measured performance with a real Prometheus, three replicas and late outcomes.

A replica here is what counts in a server, without the server: the worker's telemetry and its
signed receipts, and the front's outcomes with a store of its own, scraped over HTTP. Answers are
drawn, not computed by a network, because only then is it known which of them are right and how
many must be missed. 1,000 photographs are clear; 1,000 more show the lesions so badly that, by
their own calibrated probabilities, half of the cancers fall below the threshold. Outcomes reach
any replica, in any order, some of the first photographs' after those of the second.

Each series has a zero of twenty days ago, backfilled by promtool, so that ``increase()`` has
nothing to extrapolate and counts are exact. The hour for which an alert must hold is not waited
for (``monitoring/tests/measured.yaml`` does): an alert is pending as soon as its condition holds.
"""

from __future__ import annotations

import math
import random
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import pytest
from prometheus_client import start_http_server
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

from handlers.labels import LABELS
from monitoring.dashboards import files as dashboards
from monitoring.local.prometheus import Prometheus, Target
from monitoring.prometheus import files as rules
from monitoring.settings import LocalSettings
from serving.settings import free_ports
from tests.e2e.replicas import GROUPS, SERVICE, Answered, Replica, answered, backfill, send, zeros
from tests.e2e.watching import OF_GROUPS, OF_OUTCOMES, Watched, has_values

VERIFIED = {"cancer": 0.6, "no cancer": 0.5}
"""Share of the answers that are verified, by label."""
LATE = 0.2
"""Share of the first photographs' outcomes that come after the second's."""
LOW = {"LesionLensEstimatedSensitivityLow", "LesionLensMeasuredSensitivityLow"}


@dataclass(frozen=True)
class Story:
    """What was diagnosed and what Prometheus shows, before the fall and after it."""

    watched: Watched
    answers: tuple[list[Answered], list[Answered]]
    diagnosed: tuple[list[Answered], list[Answered]]
    figures: tuple[dict[tuple[str, ...], float], dict[tuple[str, ...], float]]
    alerts: tuple[set[str], set[str]]


@pytest.fixture(scope="module")
def story(
    prometheus: str, promtool: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    folder, order = tmp_path_factory.mktemp("replicas"), random.Random(1)
    keys = folder / "receipt.keys"
    keys.write_text("0123456789abcdef" * 4)
    with ExitStack() as stack:
        replicas = [Replica(keys, folder / f"outcomes-{place}") for place in range(3)]
        targets = []
        for replica in replicas:
            stack.callback(replica.outcomes.close)
            replica.record(zeros())
            server, thread = start_http_server(0, "127.0.0.1", replica.registry)
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            targets.append(Target(f"127.0.0.1:{server.server_port}", SERVICE))
        settings = LocalSettings(
            prometheus_port=free_ports()["metrics_port"], build=folder, scrape_seconds=1
        )
        watcher = Prometheus(settings, targets)
        backfill(promtool, folder, replicas, targets)
        watched = Watched(stack.enter_context(watcher), {})
        watched.settle()

        clear = answered(replicas, np.random.default_rng(1), distance=4)
        chosen = [one for one in clear if order.random() < VERIFIED[one.label]]
        order.shuffle(chosen)
        late = chosen[: int(LATE * len(chosen))]
        before = chosen[len(late) :]
        send(replicas, before, order)
        watched.settle()
        seen, quiet = figures(watched), active(watched)

        unclear = answered(replicas, np.random.default_rng(2), distance=1)
        after = late + [one for one in unclear if order.random() < VERIFIED[one.label]]
        order.shuffle(after)
        send(replicas, after, order)
        watched.settle()
        yield Story(
            watched,
            (clear, clear + unclear),
            (before, before + after),
            (seen, figures(watched)),
            (quiet, active(watched)),
        )


def figures(watched: Watched) -> dict[tuple[str, ...], float]:
    """Recorded figures of four weeks, by name and the labels that are not the same for all."""
    names = '{__name__=~"lesionlens:.+:28d"}'
    kept = ("group", "label", "diagnosis", "bin")
    return {
        (
            series.labels["__name__"].removeprefix("lesionlens:").removesuffix(":28d"),
            *(series.labels[name] for name in kept if name in series.labels),
        ): series.value
        for series in watched.prometheus.query(names)
    }


def active(watched: Watched) -> set[str]:
    """Names of the alerts on a model version, pending or firing: only performance is exported."""
    return {
        series.labels["alertname"]
        for series in watched.prometheus.query('ALERTS{model_version!=""}')
    }


def offline(
    diagnosed: Sequence[Answered], answers: Sequence[Answered]
) -> dict[tuple[str, ...], float]:
    """Compute the figures of the versions and groups from the list of answers."""
    found: dict[tuple[str, ...], float] = {}
    for prefix, names in (("", None), ("group_", GROUPS)):
        for group in names or [None]:
            mine = [one for one in diagnosed if group in (None, one.group)]
            all_of_it = [one for one in answers if group in (None, one.group)]
            by_name = _of(mine, all_of_it)
            if group:
                by_name = {k: v for k, v in by_name.items() if not k.startswith("corrected_")} | {
                    k: by_name[k] for k in ("corrected_sensitivity", "corrected_specificity")
                }
            found |= {(prefix + k, *filter(None, (group,))): v for k, v in by_name.items()}
    for place in range(10):
        mine = [one for one in diagnosed if one.bin == place]
        cancers = sum(one.diagnosis == "cancer" for one in mine)
        found["calibration_outcomes", str(place)] = len(mine)
        if mine:
            for name, value in _interval(cancers, len(mine)).items():
                found["calibration" + name, str(place)] = value
    return found


def _of(diagnosed: Sequence[Answered], answers: Sequence[Answered]) -> dict[str, float]:
    truth, label = [one.diagnosis for one in diagnosed], [one.label for one in diagnosed]
    (tn, fp), (fn, tp) = confusion_matrix(truth, label, labels=LABELS).tolist()
    found = {
        f"measured_{figure}{name}": value
        for figure, k, n in (
            ("sensitivity", tp, tp + fn),
            ("specificity", tn, tn + fp),
            ("ppv", tp, tp + fp),
        )
        for name, value in (_interval(k, n) | {"_outcomes": n}).items()
    }
    number = Tally(one.label for one in answers)
    positive, negative = number["cancer"], number["no cancer"]
    shares = positive / len(answers), negative / len(answers)
    ppv, npv = tp / (tp + fp), tn / (tn + fn)
    # Begg and Greenes (1983), as they write it.
    sensitivity = shares[0] * ppv / (shares[0] * ppv + shares[1] * (1 - npv))
    specificity = shares[1] * npv / (shares[1] * npv + shares[0] * (1 - ppv))
    verified = 1 / positive - 1 / (tp + fp) + 1 / negative - 1 / (tn + fn)
    for name, value, cells in (
        ("corrected_sensitivity", sensitivity, (tp, fn)),
        ("corrected_specificity", specificity, (tn, fp)),
    ):
        error = 1.959964 * math.sqrt(verified + sum(1 / cell for cell in cells))
        logit = math.log(value / (1 - value))
        found[name] = value
        found[f"{name}_lower"] = 1 / (1 + math.exp(error - logit))
        found[f"{name}_upper"] = 1 / (1 + math.exp(-error - logit))
    return found


def _interval(k: int, n: int) -> dict[str, float]:
    interval = binomtest(k, n).proportion_ci(method="wilson")
    return {"": k / n, "_lower": float(interval.low), "_upper": float(interval.high)}


@pytest.mark.parametrize("when", [0, 1], ids=["before", "after"])
def test_figures_equal_those_computed_offline(story: Story, when: int) -> None:
    seen = story.figures[when]
    expected = offline(story.diagnosed[when], story.answers[when])

    assert expected.keys() <= seen.keys()
    assert {name: seen[name] for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_correction_comes_closer_to_the_truth_of_all_lesions(story: Story) -> None:
    cancers = [one for one in story.answers[1] if one.diagnosis == "cancer"]
    truth = sum(one.label == "cancer" for one in cancers) / len(cancers)
    seen = story.figures[1]

    assert abs(seen["corrected_sensitivity",] - truth) < abs(seen["measured_sensitivity",] - truth)
    assert seen["corrected_sensitivity_lower",] < truth < seen["corrected_sensitivity_upper",]


def test_fall_of_sensitivity_is_alarmed_by_estimate_and_measurement(story: Story) -> None:
    quiet, alarmed = story.alerts

    assert quiet == set()
    assert alarmed == LOW


def test_every_expression_about_outcomes_returns_series(story: Story) -> None:
    asked = [*rules.expressions(), *dashboards.expressions()]
    about = {
        (name, expression)
        for name, expression in asked
        if name.startswith((*OF_GROUPS, *OF_OUTCOMES)) or name in LOW
    }
    empty = {name for name, expression in about if not has_values(story.watched, name, expression)}

    assert len(about) > 80
    assert empty == set()

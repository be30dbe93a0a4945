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

import asyncio
import json
import math
import random
import subprocess
import time
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

from handlers.classifier import LABELS
from handlers.metric import VERSION
from handlers.performance import METRICS, STATED_PREVALENCE
from handlers.prediction import risk
from handlers.receipt import ReceiptSigner
from handlers.telemetry import Observation, Recorder
from monitoring.dashboards import files as dashboards
from monitoring.local.prometheus import NAMESPACE, Prometheus, Target
from monitoring.prometheus import files as rules
from monitoring.settings import LocalSettings
from serving.front.messages import FrontRequest, RejectedError
from serving.front.outcomes.counting import Outcomes
from serving.front.outcomes.settings import OutcomeSettings
from serving.front.telemetry import FrontMetrics
from serving.settings import free_ports
from tests.e2e.test_drift_live import OF_GROUPS, OF_OUTCOMES, has_values
from tests.e2e.watching import Watched

MODEL, SERVICE, REPLICAS = "drawn-1", "melanoma", 3
PHOTOGRAPHS = 1_000
PREVALENCE, THRESHOLD = 0.3, 0.6
GROUPS = ("north", "south")
VERIFIED = {"cancer": 0.6, "no cancer": 0.5}
"""Share of the answers that are verified, by label."""
LATE = 0.2
"""Share of the first photographs' outcomes that come after the second's."""
ZEROS = 20 * 86_400
"""Age in seconds of each series' zero."""
LOW = {"LesionLensEstimatedSensitivityLow", "LesionLensMeasuredSensitivityLow"}


@dataclass(frozen=True)
class Answered:
    """One photograph, its answer and what the lesion is."""

    label: str
    diagnosis: str
    bin: int
    group: str
    receipt: str


class Replica:
    """Telemetry of a worker and of its front, in one registry that is scraped.

    Args:
        keys: file of the receipts' keys.
        store: file of the used receipts.
    """

    def __init__(self, keys: Path, store: Path) -> None:
        self.registry = CollectorRegistry()
        self._series = {
            metric: (Gauge if metric.kind == "gauge" else Counter)(
                metric.name, metric.help, metric.labels, registry=self.registry
            )
            for metric in METRICS
        }
        self._signer = ReceiptSigner.load(str(keys), days=180)
        groups = f"site={','.join(GROUPS)}"
        self.outcomes = Outcomes(
            OutcomeSettings(outcome_store=str(store), receipt_key=str(keys), groups=groups),
            MODEL,
            FrontMetrics(self.registry),
        )

    def record(self, observations: Sequence[Observation]) -> None:
        """Add the observations of the performance's metrics."""
        for seen in observations:
            if seen.metric in self._series:
                series = self._series[seen.metric].labels(*seen.labels)
                series.set(seen.value) if isinstance(series, Gauge) else series.inc(seen.value)

    def answer(self, probability: float, diagnosis: str, group: str) -> Answered:
        """Answer one photograph, with a receipt."""
        prediction: dict[str, Any] = {
            "label": LABELS[probability >= THRESHOLD],
            "probability": probability,
            "risk": risk(probability, PREVALENCE),
            "review": False,
            "reasons": [],
            "model_version": MODEL,
        }
        groups = (("site", group),)
        recorder = Recorder(MODEL)
        recorder.prediction(prediction, groups, receipt=True)
        self.record(recorder.observations())
        receipt = self._signer.receipt(prediction, groups)
        tenth = min(int(probability * 10), 9)
        return Answered(prediction["label"], diagnosis, tenth, group, receipt)


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
        replicas = [Replica(keys, folder / f"outcomes-{place}") for place in range(REPLICAS)]
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


def zeros() -> list[Observation]:
    """Observations of a worker that starts, as far as they are of performance."""
    empty = Recorder(MODEL)
    empty.observe(STATED_PREVALENCE, PREVALENCE)
    for metric in METRICS:
        if metric.kind == "counter":
            values = {"attribute": ("site",), "group": GROUPS, VERSION: (MODEL,)}
            every: list[tuple[str, ...]] = [()]
            for label in metric.labels[:-1]:
                every = [(*one, value) for one in every for value in values.get(label, LABELS)]
            for labels in every:
                empty.add(metric, 0, *labels)
    return empty.observations()


def answered(
    replicas: Sequence[Replica], draw: np.random.Generator, distance: float
) -> list[Answered]:
    """Answer photographs in turn whose classes are so many standard deviations apart.

    With normal scores of equal variance the logit is distance times score: calibrated.
    """
    found = []
    for place in range(PHOTOGRAPHS):
        cancer = bool(draw.random() < PREVALENCE)
        score = draw.normal(distance / 2 if cancer else -distance / 2)
        probability = 1 / (1 + math.exp(-distance * score))
        group = GROUPS[int(draw.random() < 0.3)]
        replica = replicas[place % len(replicas)]
        found.append(replica.answer(probability, LABELS[cancer], group))
    return found


def send(replicas: Sequence[Replica], outcomes: Sequence[Answered], order: random.Random) -> None:
    """Report each diagnosis to a replica at random; the first one a second time, in vain."""

    async def report(to: Replica, one: Answered) -> None:
        body = json.dumps({"receipt": one.receipt, "diagnosis": one.diagnosis}).encode()
        path = "/v1/models/melanoma:outcome"
        await to.outcomes.answer(FrontRequest("outcome", path, body, is_json=True))

    async def all_of_them() -> None:
        receivers = [order.choice(replicas) for _ in outcomes]
        for receiver, one in zip(receivers, outcomes, strict=True):
            await report(receiver, one)
        with pytest.raises(RejectedError, match="counted before"):
            await report(receivers[0], outcomes[0])

    asyncio.run(all_of_them())


def backfill(
    promtool: str, folder: Path, replicas: Sequence[Replica], targets: Sequence[Target]
) -> None:
    """Write the zero of each counter into a block of Prometheus' storage."""
    then, families = time.time() - ZEROS, {}
    for replica, target in zip(replicas, targets, strict=True):
        own = {
            "instance": target.address,
            "job": "lesionlens",
            "namespace": NAMESPACE,
            "service": SERVICE,
        }
        for family in replica.registry.collect():
            for sample in family.samples if family.type == "counter" else ():
                labels = ",".join(f'{k}="{v}"' for k, v in (sample.labels | own).items())
                lines = families.setdefault(family.name, [f"# TYPE {family.name} counter"])
                lines.append(f"{sample.name}{{{labels}}} 0 {then:.3f}")
    path = folder / "zeros.txt"
    path.write_text("\n".join(line for lines in families.values() for line in lines) + "\n# EOF\n")
    data = folder / "prometheus" / "data"
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(path), str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


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

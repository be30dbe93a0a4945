"""Replicas that count as servers do, without the servers; their answers are drawn."""

from __future__ import annotations

import asyncio
import json
import math
import random
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from handlers.labels import LABELS
from handlers.metric import VERSION
from handlers.performance import METRICS, STATED_PREVALENCE
from handlers.prediction import risk
from handlers.receipt import ReceiptSigner
from handlers.telemetry import Observation, Recorder
from monitoring.local.prometheus import NAMESPACE, Target
from serving.front.messages import FrontRequest, RejectedError
from serving.front.outcomes.counting import Outcomes
from serving.front.outcomes.settings import OutcomeSettings
from serving.front.telemetry import FrontMetrics

MODEL, SERVICE = "drawn-1", "melanoma"
PHOTOGRAPHS: Final = 1_000
PREVALENCE, THRESHOLD = 0.3, 0.6
GROUPS: Final = ("north", "south")
ZEROS: Final = 20 * 86_400
"""Age in seconds of each series' zero."""


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

"""Batches of requests in, answers out: the whole service, without a server around it.

A bad request gets its own answer and never touches its neighbours in the batch.
"""

from __future__ import annotations

import base64
import logging
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from PIL import Image

from handlers import drift, explainers, imaging, protocol, rendering, segmentation
from handlers.classifier import CANCER, LABELS, Classifier, Decision, Forward
from handlers.protocol import Instance, Request, RequestError
from handlers.settings import HandlerSettings
from handlers.telemetry import (
    BATCH_SIZE,
    PREDICTIONS,
    PROBABILITY,
    REQUEST_SECONDS,
    REQUESTS,
    REVIEW_REASONS,
    Recorder,
)

TARGETS: Final = ("cancer", "predicted")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """One request as the server received it."""

    body: bytes
    verb: protocol.Verb
    content_type: str = ""
    method: str | None = None
    target: str | None = None


@dataclass(frozen=True)
class Answer:
    """One response: HTTP status and JSON body."""

    status: int
    body: str


@dataclass
class _Photograph:
    """One photograph on its way through the stages."""

    view: Image.Image
    inputs: torch.Tensor
    statistics: dict[str, float]
    forward: Forward
    decision: Decision


@dataclass
class _Job:
    """One request on its way through the stages; ``error`` ends it early."""

    row: Row
    request: Request | None = None
    views: list[Image.Image] = field(default_factory=list)
    photographs: list[_Photograph] = field(default_factory=list)
    answer: str = ""
    error: RequestError | None = None


class MelanomaService:
    """Predicts and explains. One instance a worker; not shared between threads."""

    def __init__(self, classifier: Classifier, settings: HandlerSettings) -> None:
        """Take a loaded classifier and the limits."""
        self.classifier = classifier
        self.settings = settings

    def answer(self, rows: Sequence[Row], recorder: Recorder) -> list[Answer]:
        """Answer a batch, one answer a row, in order; never raises for a bad request."""
        start = time.perf_counter()
        jobs = [_Job(row) for row in rows]
        with recorder.stage("decode"):
            self._each(jobs, self._read)
        with recorder.stage("forward"):
            self._classify([job for job in jobs if job.error is None])
        deadline = start + self.settings.explain_seconds
        self._each(jobs, lambda job: self._complete(job, deadline, recorder))
        answers = [self._close(job, recorder, start) for job in jobs]
        for verb in protocol.ANSWERS:
            if size := sum(job.row.verb == verb for job in jobs):
                recorder.observe(BATCH_SIZE, size, verb)
        return answers

    def _each(self, jobs: Sequence[_Job], step: Any) -> None:
        """Run a step on every job still alive, keeping each failure in its own job."""
        for job in jobs:
            if job.error is not None:
                continue
            try:
                step(job)
            except RequestError as error:
                job.error = error
            except Exception as error:
                job.error = _failure(error)

    def _read(self, job: _Job) -> None:
        row, limits = job.row, self.settings
        request = job.request = protocol.parse(
            row.body,
            verb=row.verb,
            content_type=row.content_type,
            method=row.method,
            target=row.target,
            max_instances=limits.max_instances,
            max_body_bytes=limits.max_body_bytes,
        )
        for index, instance in enumerate(request.instances):
            try:
                if request.verb == "explain":
                    _check_options(instance)
                picture = imaging.decode(
                    instance.image, max_pixels=limits.max_pixels, min_side=limits.min_side
                )
            except ValueError as error:  # ImageError, UnknownMethodError, an unknown target
                raise RequestError(request.where(index, str(error))) from None
            job.views.append(imaging.centre_view(picture))

    def _classify(self, jobs: Sequence[_Job]) -> None:
        """One forward pass over the photographs of all requests, in chunks of bounded size."""
        try:
            self._forward(jobs)
        except Exception as error:
            for job in jobs:
                job.error = _failure(error)

    def _forward(self, jobs: Sequence[_Job]) -> None:
        everything = [(job, view) for job in jobs for view in job.views]
        for start in range(0, len(everything), self.settings.forward_batch):
            chunk = everything[start : start + self.settings.forward_batch]
            inputs = torch.stack([imaging.to_tensor(view) for _, view in chunk])
            forward = self.classifier.forward(inputs)
            statistics = [drift.image_statistics(view) for _, view in chunk]
            decisions = self.classifier.decide(forward, statistics)
            for place, (job, view) in enumerate(chunk):
                own = Forward(forward.activations[place : place + 1], forward.logits[place])
                job.photographs.append(
                    _Photograph(
                        view=view,
                        inputs=inputs[place : place + 1],
                        statistics=statistics[place],
                        forward=own,
                        decision=decisions[place],
                    )
                )

    def _complete(self, job: _Job, deadline: float, recorder: Recorder) -> None:
        assert job.request is not None
        results = []
        for index, photograph in enumerate(job.photographs):
            result = self._prediction(photograph.decision)
            if job.request.verb == "explain":
                if time.perf_counter() > deadline:
                    raise RequestError(
                        job.request.where(
                            index,
                            f"no time left to explain it ({self.settings.explain_seconds:g} s a "
                            "batch): send fewer instances, or use grad_cam",
                        ),
                        status=503,
                    )
                result |= self._explanation(photograph, job.request.instances[index], recorder)
            results.append(result)
        job.answer = protocol.answer(job.request, results)

    def _prediction(self, decision: Decision) -> dict[str, Any]:
        return {
            "label": LABELS[decision.label],
            "probability": decision.probability,
            "threshold": self.classifier.threshold,
            "review": decision.review,
            "reasons": list(decision.reasons),
            "model_version": self.classifier.version,
        }

    def _explanation(
        self, photograph: _Photograph, instance: Instance, recorder: Recorder
    ) -> dict[str, Any]:
        name = instance.method or explainers.DEFAULT
        target = instance.target or TARGETS[0]
        index = CANCER if target == "cancer" else photograph.decision.label
        with recorder.stage("explain"):
            attribution = explainers.method_named(name)(
                self.classifier.model,
                photograph.inputs,
                photograph.forward.activations,
                index,
            )
        with recorder.stage("render"):
            values = explainers.upsampled(attribution.values, imaging.SIDE)
            scale = rendering.scale_of(attribution.values)
            heat = rendering.heatmap(values, scale)
            laid_over = rendering.overlay(photograph.view, values, scale)
            return {
                "method": name,
                "target": target,
                "heatmap": _png_text(heat),
                "overlay": _png_text(laid_over),
                "attribution": {
                    "shape": list(attribution.values.shape),
                    "values": _significant(attribution.values),
                },
                "scale": float(f"{scale:.6g}"),
                "convergence_delta": attribution.convergence_delta,
                "lesion_mass": _lesion_mass(values, photograph.view),
            }

    def _close(self, job: _Job, recorder: Recorder, start: float) -> Answer:
        """Write the answer of one request and count it."""
        verb, error = job.row.verb, job.error
        outcome = "ok" if error is None else "refused" if error.status < 500 else "failed"
        recorder.count(REQUESTS, verb, outcome)
        seconds = time.perf_counter() - start
        recorder.observe(REQUEST_SECONDS, seconds, verb, _method_label(job))
        if error is not None:
            return Answer(error.status, protocol.error(error.message))
        for photograph in job.photographs:
            decision = photograph.decision
            review = str(decision.review).lower()
            recorder.count(PREDICTIONS, LABELS[decision.label], review)
            recorder.observe(PROBABILITY, decision.probability)
            for reason in decision.reasons:
                recorder.count(REVIEW_REASONS, reason)
            measured = {"probability": decision.probability, "distance": decision.distance}
            recorder.image(self.classifier.baseline, photograph.statistics | measured)
        return Answer(200, job.answer)


def _failure(error: Exception) -> RequestError:
    """A fault of ours: code goes to the log, and to the client that it may try again.

    The message of an exception may quote what it was given, so it is not logged.
    """
    places = "".join(traceback.format_tb(error.__traceback__))
    logger.error("a request failed with %s at\n%s", type(error).__name__, places)
    return RequestError("the service failed on this request; try again", status=500)


def _check_options(instance: Instance) -> None:
    explainers.method_named(instance.method or explainers.DEFAULT)
    if instance.target is not None and instance.target not in TARGETS:
        known = ", ".join(TARGETS)
        raise ValueError(f"unknown target {instance.target[:40]!r}; there are: {known}")


def _method_label(job: _Job) -> str:
    """The methods of a request as one label value out of a fixed set."""
    if job.row.verb == "predict":
        return "none"
    instances = job.request.instances if job.request else ()
    names = {instance.method or explainers.DEFAULT for instance in instances}
    if len(names) != 1:
        return "several" if names else "none"
    name = names.pop()
    return name if name in explainers.METHODS else "unknown"


def _png_text(image: Image.Image) -> str:
    return base64.b64encode(rendering.png(image)).decode("ascii")


def _significant(values: np.ndarray) -> list[list[float]]:
    return [[float(f"{value:.6g}") for value in row] for row in values]


def _lesion_mass(values: np.ndarray, view: Image.Image) -> float | None:
    """Share of what speaks for the target that lies inside the rough outline of the lesion."""
    mask = segmentation.rough_mask(view)
    positive = np.maximum(values, 0.0)
    total = float(positive.sum())
    if mask is None or total <= 0:
        return None
    return round(float(positive[mask].sum()) / total, 4)

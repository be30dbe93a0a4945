"""The whole service without a server: batches of requests in, answers out.

A bad request gets its own error and never affects other requests of the batch.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from handlers import budget, drift, explanation, imaging, protocol
from handlers.classifier import LABELS, Classifier, Decision, Forward
from handlers.explanation_runner import ExplanationRunner
from handlers.load_shedding import LoadShedder
from handlers.protocol import RequestError
from handlers.request_state import ClassifiedImage, PreprocessedImage, RawRequest, RequestState
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

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """One response: HTTP status and JSON body."""

    status: int
    body: str
    retry_after: int | None = None
    """Seconds, where the same request may be answered later."""


Progress = Callable[[float], None]
"""Callback at the start of a step, with the seconds that it may take beyond the usual limit."""

SendPartial = Callable[[dict[int, Answer]], None]
"""Callback that receives answers of a batch before the others are ready."""


class MelanomaService:
    """Predicts and explains. One instance per worker; not shared between threads."""

    def __init__(
        self, classifier: Classifier, settings: HandlerSettings, batch_size: int = 1
    ) -> None:
        """Take a loaded classifier and the limits.

        Args:
            classifier: to ask.
            settings: the limits.
            batch_size: requests that the server hands over at once, at most.
        """
        self.classifier = classifier
        self.settings = settings
        self.admission = LoadShedder(batch_size, settings.batch_seconds)
        self.explaining = ExplanationRunner(classifier.model, settings)
        self._progress: Progress = lambda seconds: None
        self._first = True
        """Whether no request of the batch has been served yet."""

    def answer(
        self,
        rows: Sequence[RawRequest],
        recorder: Recorder,
        early: SendPartial | None = None,
        progress: Progress = lambda seconds: None,
    ) -> list[Answer]:
        """Answer a batch, one answer per request, in order; never raises for a bad request.

        Predictions come first and slow explanations last, so that they do not delay other requests.

        Args:
            rows: the requests.
            recorder: told what is counted.
            early: called with the answers, by place, that need not wait for the slow ones.
            progress: called as each step begins.
        """
        self._progress, self._first = progress, True
        start = time.perf_counter()
        self.admission.begin(len(rows))
        jobs = [RequestState(place, row) for place, row in enumerate(rows)]
        turns = sorted(jobs, key=lambda job: job.row.verb == "explain")
        answers: dict[int, Answer] = {}
        slow: list[RequestState] = []
        deadline = start + self.settings.explain_batch_seconds
        for first in range(0, len(turns), self.settings.forward_batch):
            group = turns[first : first + self.settings.forward_batch]
            slow += self._serve(group, deadline, recorder)
        if slow and early is not None:
            waiting = {job.place for job in slow}
            done = [job for job in jobs if job.place not in waiting]
            answers = {job.place: self._close(job, recorder, start) for job in done}
            early(answers)
        self._each(slow, lambda job: self._complete(job, deadline, recorder))
        self.admission.end()
        answers = answers | {
            job.place: self._close(job, recorder, start) for job in jobs if job.place not in answers
        }
        for verb in protocol.ANSWERS:
            if size := sum(job.row.verb == verb and not job.row.probe for job in jobs):
                recorder.observe(BATCH_SIZE, size, verb)
        return [answers[job.place] for job in jobs]

    def _serve(
        self, jobs: Sequence[RequestState], deadline: float, recorder: Recorder
    ) -> list[RequestState]:
        """Serve some requests of a batch through all stages, except slow explanations."""
        with recorder.stage("decode"):
            self._each(jobs, self._read)
        with recorder.stage("forward"):
            self._classify([job for job in jobs if job.error is None])
        slow = [job for job in jobs if job.is_slow]
        quick = [job for job in jobs if not job.is_slow]
        self._each(quick, lambda job: self._complete(job, deadline, recorder))
        return slow

    def _check_time(self) -> None:
        """Check the time before each photograph: one request must not use the time of the batch.

        Raises:
            RequestError: with 503; the time of the batch is over.
        """
        if not self.admission.open():
            wait = self.admission.retry_after
            raise RequestError(
                f"too many requests at once: send this one again in {wait} s",
                status=503,
                retry_after=wait,
            )

    def _each(self, jobs: Sequence[RequestState], step: Callable[[RequestState], None]) -> None:
        """Run a step on every request that has not failed, and record errors per request."""
        for job in jobs:
            if job.error is not None:
                continue
            try:
                step(job)
            except RequestError as error:
                job.error = error
            except Exception as error:
                job.error = _failure(error)

    def _read(self, job: RequestState) -> None:
        """Parse a request and preprocess its photographs while the batch has time left.

        Raises:
            RequestError: the request is bad, or the batch's time is over.
        """
        row, limits = job.row, self.settings
        self._check_time()
        # The first request is always served completely, or a slow machine would serve no
        # request of many photographs; the cost of its photographs is bounded.
        whole, self._first = self._first, False
        request = job.request = protocol.parse(
            row.body,
            verb=row.verb,
            content_type=row.content_type,
            method=row.method,
            target=row.target,
            max_instances=limits.max_instances,
            max_body_bytes=limits.max_body_bytes,
        )
        budget.check(
            request,
            max_pixels=limits.max_pixels,
            min_side=limits.min_side,
            max_cost=limits.decode_budget,
            max_heif_cost=limits.heif_decode_budget,
        )
        for index, instance in enumerate(request.instances):
            self._progress(0.0)
            if index and not whole:
                self._check_time()
            try:
                if request.verb == "explain":
                    explanation.check_options(instance)
                picture = imaging.decode(
                    instance.image,
                    max_pixels=limits.max_pixels,
                    min_side=limits.min_side,
                    max_cost=limits.decode_budget,
                    max_heif_cost=limits.heif_decode_budget,
                    max_seconds=limits.decode_seconds,
                )
            except ValueError as error:  # ImageError, UnknownMethodError, an unknown target
                raise RequestError(request.where(index, str(error))) from None
            view = imaging.centre_view(picture)
            prepared = PreprocessedImage(
                view, imaging.to_tensor(view), drift.image_statistics(view)
            )
            job.prepared.append(prepared)

    def _classify(self, jobs: Sequence[RequestState]) -> None:
        """Run the forward pass over the photographs of all requests, in chunks of bounded size."""
        try:
            self._forward(jobs)
        except Exception as error:
            for job in jobs:
                job.error = _failure(error)

    def _forward(self, jobs: Sequence[RequestState]) -> None:
        everything = [(job, prepared) for job in jobs for prepared in job.prepared]
        for start in range(0, len(everything), self.settings.forward_batch):
            chunk = everything[start : start + self.settings.forward_batch]
            self._progress(0.0)
            inputs = torch.stack([prepared.inputs for _, prepared in chunk])
            forward = self.classifier.forward(inputs)
            statistics = [prepared.statistics for _, prepared in chunk]
            decisions = self.classifier.decide(forward, statistics)
            for place, (job, prepared) in enumerate(chunk):
                own = Forward(forward.activations[place : place + 1], forward.logits[place])
                job.photographs.append(ClassifiedImage(prepared, own, decisions[place]))

    def _complete(self, job: RequestState, deadline: float, recorder: Recorder) -> None:
        assert job.request is not None
        results = []
        for index, photograph in enumerate(job.photographs):
            result = self._prediction(photograph.decision)
            if job.request.verb == "explain":
                self._progress(self.settings.explain_seconds)
                result |= self.explaining.explain(
                    job.request,
                    index,
                    photograph.prepared.view,
                    photograph.prepared.inputs[None],
                    photograph.forward,
                    photograph.decision.label,
                    deadline,
                    recorder,
                )
            results.append(result)
        job.answer = protocol.answer(job.request, results)
        job.seen = [(one.decision, one.prepared.statistics) for one in job.photographs]
        # Half a megabyte each: a batch may have hundreds.
        job.photographs, job.prepared = [], []

    def _prediction(self, decision: Decision) -> dict[str, Any]:
        return {
            "label": LABELS[decision.label],
            "probability": decision.probability,
            "threshold": self.classifier.threshold,
            "review": decision.review,
            "reasons": list(decision.reasons),
            "model_version": self.classifier.version,
        }

    def _close(self, job: RequestState, recorder: Recorder, start: float) -> Answer:
        """Write the answer of one request and count it."""
        verb, error = job.row.verb, job.error
        if not job.row.probe:
            outcome = "ok" if error is None else "refused" if error.status < 500 else "failed"
            recorder.count(REQUESTS, verb, outcome)
            seconds = time.perf_counter() - start
            recorder.observe(REQUEST_SECONDS, seconds, verb, _method_label(job))
        if error is not None:
            return Answer(error.status, protocol.error(error.message), error.retry_after)
        for decision, statistics in () if job.row.probe else job.seen:
            review = str(decision.review).lower()
            recorder.count(PREDICTIONS, LABELS[decision.label], review)
            recorder.observe(PROBABILITY, decision.probability)
            for reason in decision.reasons:
                recorder.count(REVIEW_REASONS, reason)
            measured = {"probability": decision.probability, "distance": decision.distance}
            recorder.image(self.classifier.baseline, statistics | measured)
        return Answer(200, job.answer)


def _failure(error: Exception) -> RequestError:
    """Report an internal error: its code location to the log, a retry message to the client.

    The message of an exception may quote its input, so it is not logged.
    """
    places = "".join(traceback.format_tb(error.__traceback__))
    logger.error("a request failed with %s at\n%s", type(error).__name__, places)
    return RequestError("the service failed on this request; try again", status=500)


def _method_label(job: RequestState) -> str:
    """Return the methods of a request as one label value out of a fixed set."""
    if job.row.verb == "predict":
        return "none"
    return explanation.method_label(job.request.instances if job.request else ())

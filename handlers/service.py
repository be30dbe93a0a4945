"""The whole service without a server: batches of requests in, answers out.

A bad request gets its own error and never affects other requests of the batch.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from handlers import budget, decision_log, explanation, imaging, protocol
from handlers.answers import Prediction
from handlers.classifier import Classifier
from handlers.explanation_runner import ExplanationRunner
from handlers.groups import DeclaredGroups, Groups
from handlers.imaging import PreprocessedImage
from handlers.load_shedding import LoadShedder
from handlers.prediction import ClassifiedImage
from handlers.protocol import RawRequest, Request, RequestError
from handlers.receipt import ReceiptSigner
from handlers.settings import HandlerSettings
from handlers.telemetry import BATCH_SIZE, REQUEST_SECONDS, REQUESTS, Recorder

logger = logging.getLogger(__name__)

NO_RECEIPTS: Final = (
    "no receipts are given here: send the request without `receipt` (the operator switches them on "
    "with LESIONLENS_RECEIPT_KEY)"
)


@dataclass(frozen=True)
class Answer:
    """One response: HTTP status and JSON body."""

    status: int
    body: str
    retry_after: int | None = None
    """Seconds, where the same request may be answered later."""


@dataclass
class RequestState:
    """One request on its way through the stages; ``error`` ends it early."""

    index: int
    """Index of the request in the batch."""
    raw: RawRequest
    request: Request | None = None
    prepared: list[PreprocessedImage] = field(default_factory=list)
    classified: list[ClassifiedImage] = field(default_factory=list)
    groups: list[Groups] = field(default_factory=list)
    """Declared groups of each photograph."""
    predictions: list[Prediction] = field(default_factory=list)
    """Prediction of each photograph, as it is answered."""
    measurements: list[dict[str, float]] = field(default_factory=list)
    """Measurements of each photograph, kept when the photograph is released."""
    answer: str = ""
    error: RequestError | None = None

    @property
    def is_slow(self) -> bool:
        """Whether it has not failed and its explanation takes longer than some predictions."""
        request = self.request
        if self.error is not None or request is None or request.verb != "explain":
            return False
        return any(map(explanation.is_slow, request.instances))


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

        Raises:
            ValueError: the file of keys for receipts cannot be used.
        """
        self.classifier = classifier
        self.settings = settings
        self.groups = DeclaredGroups.parse(settings.groups)
        self.receipts: ReceiptSigner | None = None
        if settings.receipt_key:
            self.receipts = ReceiptSigner.load(settings.receipt_key, settings.receipt_days)
        self.admission = LoadShedder(batch_size, settings.batch_seconds)
        self.explaining = ExplanationRunner(
            classifier.model, settings, served=classifier.served, cases=classifier.cases
        )
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
        jobs = [RequestState(index, row) for index, row in enumerate(rows)]
        turns = sorted(jobs, key=lambda job: job.raw.verb == "explain")
        answers: dict[int, Answer] = {}
        slow: list[RequestState] = []
        deadline = start + self.settings.explain_batch_seconds
        for first in range(0, len(turns), self.settings.forward_batch):
            group = turns[first : first + self.settings.forward_batch]
            slow += self._serve(group, deadline, recorder)
        if slow and early is not None:
            waiting = {job.index for job in slow}
            done = [job for job in jobs if job.index not in waiting]
            answers = {job.index: self._close(job, recorder, start) for job in done}
            early(answers)
        self._each(slow, lambda job: self._complete(job, deadline, recorder))
        self.admission.end()
        answers = answers | {
            job.index: self._close(job, recorder, start) for job in jobs if job.index not in answers
        }
        for verb in protocol.ANSWERS:
            if size := sum(job.raw.verb == verb and not job.raw.probe for job in jobs):
                recorder.observe(BATCH_SIZE, size, verb)
        return [answers[job.index] for job in jobs]

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
        limits = self.settings
        self._check_time()
        # The first request is always served completely, or a slow machine would serve no
        # request of many photographs; the cost of its photographs is bounded.
        whole, self._first = self._first, False
        request = job.request = protocol.parse(
            job.raw, max_instances=limits.max_instances, max_body_bytes=limits.max_body_bytes
        )
        budget.check(request, limits.image_limits)
        for index, instance in enumerate(request.instances):
            self._progress(0.0)
            if index and not whole:
                self._check_time()
            try:
                if request.verb == "explain":
                    explanation.check_options(instance)
                if instance.receipt and self.receipts is None:
                    raise ValueError(NO_RECEIPTS)
                groups, box = self.groups.read(instance.groups), instance.box
                picture = imaging.decode(instance.image, limits.image_limits, box=box)
            except ValueError as error:  # ImageError, UnknownMethodError, an unknown target
                raise RequestError(request.where(index, str(error))) from None
            job.groups.append(groups)
            job.prepared.append(self.classifier.preprocess(picture, box))

    def _classify(self, jobs: Sequence[RequestState]) -> None:
        """Run the forward pass over the photographs of all requests, in chunks of bounded size."""
        images = self._prepared(jobs)
        try:
            classified = self.classifier.classify(images, self.settings.forward_batch)
            for job in jobs:
                job.classified = list(islice(classified, len(job.prepared)))
        except Exception as error:
            for job in jobs:
                job.error = _failure(error)

    def _prepared(self, jobs: Sequence[RequestState]) -> Iterator[PreprocessedImage]:
        for job in jobs:
            for image in job.prepared:
                self._progress(0.0)
                yield image

    def _complete(self, job: RequestState, deadline: float, recorder: Recorder) -> None:
        assert job.request is not None
        results: list[dict[str, object]] = []
        for index, image in enumerate(job.classified):
            prediction = self.classifier.answer(image, self.settings.prevalence)
            job.predictions.append(prediction)
            results.append({**prediction})
            if job.request.verb == "explain":
                self._progress(self.settings.explain_seconds)
                explained = self.explaining.explain(job.request, index, image, deadline, recorder)
                results[-1] |= explained
            if self.receipts is not None and job.request.instances[index].receipt:
                signed = self.receipts.receipt(prediction, job.groups[index])
                results[-1] |= {"receipt": signed}
        job.answer = protocol.answer(job.request, results)
        job.measurements = [image.measurements for image in job.classified]
        # Half a megabyte each: a batch may have hundreds.
        job.classified, job.prepared = [], []

    def _close(self, job: RequestState, recorder: Recorder, start: float) -> Answer:
        """Write the answer of one request and count it."""
        verb, error = job.raw.verb, job.error
        seconds = time.perf_counter() - start
        if not job.raw.probe:
            outcome = "ok" if error is None else "refused" if error.status < 500 else "failed"
            recorder.count(REQUESTS, verb, outcome)
            recorder.observe(REQUEST_SECONDS, seconds, verb, _method_label(job))
        if error is not None:
            return Answer(error.status, protocol.error(error.message), error.retry_after)
        if job.raw.probe:
            return Answer(200, job.answer)
        instances = job.request.instances if job.request else ()
        photographs = zip(instances, job.predictions, job.measurements, job.groups, strict=True)
        for instance, prediction, measurements, groups in photographs:
            recorder.prediction(prediction, groups, receipt=instance.receipt)
            recorder.image(self.classifier.baseline, measurements)
        if self.settings.decision_log:
            decision_log.write(verb, job.predictions, job.groups, seconds)
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
    if job.raw.verb == "predict":
        return "none"
    return explanation.method_label(job.request.instances if job.request else ())

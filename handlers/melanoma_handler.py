"""The thin TorchServe adapter: the only file here that knows TorchServe.

TorchServe requires exactly one class in this module.
"""

from __future__ import annotations

import io
import logging
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import torch
from ts.metrics.metric_type_enum import MetricTypes
from ts.protocol.otf_message_handler import create_predict_response

from handlers import service, telemetry, threads
from handlers.card import ArchiveError
from handlers.classifier import Classifier
from handlers.heartbeat import Heartbeat, report_failure
from handlers.protocol import RawRequest
from handlers.settings import HandlerSettings

HANDLER: Final = "X-LesionLens-Handler"
"""Response header that distinguishes this handler's errors from TorchServe's own."""
_FIRST: Final = struct.pack("!ii", 200, 0)
"""Start of a message to the frontend: its code, and the length of its text."""
_LAST: Final = struct.pack("!i", -1)
"""End of the list of answers in a message."""


class MelanomaHandler:
    """Load the archive once and answer batches for TorchServe."""

    def __init__(self) -> None:
        """Do nothing yet: TorchServe calls :meth:`initialize` with the context."""
        self.service: service.MelanomaService | None = None
        self.heartbeat: Heartbeat | None = None

    def initialize(self, context: Any) -> None:
        """Load the archive that TorchServe has unpacked; raises ArchiveError or ValueError."""
        folder = Path(tempfile.gettempdir())
        try:
            self._load(context, folder)
        except Exception as error:
            final = isinstance(error, ArchiveError | ValueError)
            report_failure(folder, error, final=final)
            raise

    def _load(self, context: Any, scratch: Path) -> None:
        # Raw bodies: TorchServe would parse JSON itself and log what it cannot parse.
        os.environ["TS_DECODE_INPUT_REQUEST"] = "false"
        settings = HandlerSettings.from_environment()
        cores = settings.threads or threads.cores()
        torch.set_num_threads(cores)
        folder = Path(context.system_properties["model_dir"])
        classifier = Classifier.load(folder, settings.backend, cores, settings.variant)
        classifier.warm_up()
        batch_size = int(context.system_properties.get("batch_size") or 1)
        self.service = service.MelanomaService(classifier, settings, batch_size)
        first = telemetry.first_observations(
            classifier.baseline,
            classifier.version,
            classifier.backend.name,
            settings.prevalence,
            self.service.groups.every,
        )
        self._emit(context, first)
        self.heartbeat = Heartbeat(scratch, settings.progress_seconds)

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[str]:
        """Answer one batch; statuses and content types go through the context.

        Raises:
            RuntimeError: the archive was not loaded first.
        """
        if self.service is None or self.heartbeat is None:
            raise RuntimeError("handle() was called before initialize()")
        with self.heartbeat.busy():
            return self._answers(self.service, self.heartbeat, data, context)

    def _answers(
        self,
        melanoma: service.MelanomaService,
        heartbeat: Heartbeat,
        data: list[dict[str, Any]],
        context: Any,
    ) -> list[str]:
        recorder = telemetry.Recorder(melanoma.classifier.version)
        rows = [self._row(parameters, context, index) for index, parameters in enumerate(data)]
        answers = melanoma.answer(
            rows,
            recorder,
            early=lambda some: self._send_early(some, context),
            progress=heartbeat.progress,
        )
        for index, answer in enumerate(answers):
            if answer.status != 200:
                context.set_response_status(answer.status, HTTPStatus(answer.status).phrase, index)
                context.set_response_header(index, HANDLER, "1")
            context.set_response_content_type(index, "application/json")
            if answer.retry_after is not None:
                context.set_response_header(index, "Retry-After", str(answer.retry_after))
        if not all(row.probe for row in rows):
            recorder.observe(telemetry.WORKER_MEMORY, telemetry.resident_bytes())
            self._emit(context, recorder.observations())
        return [answer.body for answer in answers]

    def _send_early(self, answers: dict[int, service.Answer], context: Any) -> None:
        """Send some answers of a batch while TorchServe waits for the others.

        TorchServe expects all answers of a batch together, except for streams: it forwards a part
        and waits for more. So these answers are sent as streams of one part, started and ended in
        one message; its first field, "there is more", makes TorchServe wait. An error response
        would close its connection before the part is sent, so errors are not sent early.
        """
        sent = {index: answer.body for index, answer in answers.items() if answer.status == 200}
        if not sent:
            return
        requests = {index: context.request_ids[index] for index in sent}
        for index in requests:
            context.set_response_content_type(index, "application/json")
        begun = create_predict_response(sent, requests, "", 200, context, ts_stream_next=True)
        ended = create_predict_response(dict.fromkeys(sent, b""), requests, "", 200, context)
        context.cl_socket.sendall(begun[: -len(_LAST)] + ended[len(_FIRST) :])
        for index in requests:
            del context.request_ids[index]  # the final message contains only the remaining requests

    def _row(self, parameters: dict[str, Any], context: Any, index: int) -> RawRequest:
        body = next((parameters[name] for name in ("body", "data") if name in parameters), b"")
        if isinstance(body, str):
            body = body.encode()
        headers = {
            name.lower(): value
            for name, value in context.get_all_request_header(index).items()
            if isinstance(value, str)
        }
        return RawRequest(
            body=bytes(body),
            verb="explain" if headers.get("explain") == "True" else "predict",
            content_type=headers.get("content-type", ""),
            method=headers.get("x-method"),
            target=headers.get("x-target"),
            box=headers.get("x-box"),
            receipt=headers.get("x-receipt"),
            groups=headers.get("x-groups"),
            probe=headers.get("x-probe") == "true",
        )

    def _emit(self, context: Any, observations: list[telemetry.Observation]) -> None:
        with _one_write():
            for seen in observations:
                metric = context.metrics.get_metric(seen.metric.name, MetricTypes(seen.metric.kind))
                metric.add_or_update(seen.value, list(seen.labels))


@contextmanager
def _one_write() -> Iterator[None]:
    """Write all log lines of the context at once.

    TorchServe's worker sends metrics to the frontend as log lines, flushed one by one. Each of them
    wakes the frontend, which runs on the same cores.
    """
    handlers = logging.getLogger().handlers
    handler = next((one for one in handlers if type(one) is logging.StreamHandler), None)
    lines = io.StringIO()
    stream = handler.setStream(lines) if handler else None
    try:
        yield
    finally:
        if handler and stream:
            handler.setStream(stream)
            stream.write(lines.getvalue())
            stream.flush()

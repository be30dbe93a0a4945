"""Worker: answers batch after batch with the service of the archive, over a socket.

Runs in a process that :mod:`serving.kserve.fork_server` forked. The modules of ``handlers`` are
those of the archive.
"""

from __future__ import annotations

import ctypes
import logging
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Final

import torch

from handlers import service, telemetry, threads
from handlers.card import ArchiveError
from handlers.classifier import Classifier
from handlers.heartbeat import Heartbeat
from handlers.protocol import RawRequest
from handlers.settings import HandlerSettings
from serving.front.messages import PROBE_PHOTOGRAPH
from serving.kserve import wire
from serving.kserve.exporter import Exporter

LONG_SECONDS: Final = 0.5
"""Seconds of a batch after which freed memory is worth a few milliseconds: such a batch held slow
explanations or large photographs."""


class Worker:
    """Loads the archive once and answers batches.

    Args:
        connection: to the server.
        archive: unpacked.
        scratch: folder of heartbeats and locks that all workers share.
        metrics: folder of metrics that all workers share.
        slot: of this worker.
        batch_size: requests that the server hands over at once, at most.

    Raises:
        RuntimeError: the first prediction failed.
    """

    def __init__(
        self,
        connection: socket.socket,
        archive: Path,
        scratch: Path,
        metrics: Path,
        slot: int,
        batch_size: int,
    ) -> None:
        settings = HandlerSettings.from_environment()
        cores = settings.threads or threads.cores()
        torch.set_num_threads(cores)
        classifier = Classifier.load(archive, settings.backend, cores, settings.variant)
        classifier.warm_up()
        self._connection = connection
        self._service = service.MelanomaService(classifier, settings, batch_size)
        probe = RawRequest(PROBE_PHOTOGRAPH, "predict", probe=True)
        [answer] = self._service.answer([probe], telemetry.Recorder(classifier.version))
        if answer.status != 200:
            raise RuntimeError(f"the first prediction failed: {answer.body}")
        self._exporter = Exporter(metrics, slot)
        self._exporter.export(
            telemetry.first_observations(
                classifier.baseline,
                classifier.version,
                classifier.backend.name,
                settings.prevalence,
                self._service.groups.every,
            )
        )
        self._heartbeat = Heartbeat(scratch, settings.progress_seconds)
        self._send(wire.pack({"ready": True, "version": classifier.version}))

    def run(self) -> None:
        """Answer batches until the server has ended.

        Raises:
            EOFError: it has.
        """
        while True:
            requests = wire.receive_requests(self._connection)
            start = time.monotonic()
            with self._heartbeat.busy():
                self._answer(requests)
            del requests  # they would stay in memory until others come
            if time.monotonic() - start > LONG_SECONDS:
                _release_memory()

    def _answer(self, requests: list[wire.WorkRequest]) -> None:
        recorder = telemetry.Recorder(self._service.classifier.version)
        rows = [RawRequest(**vars(request)) for request in requests]
        sent: set[int] = set()

        def early(answers: dict[int, service.Answer]) -> None:
            sent.update(answers)
            self._send(wire.answers_message(_packed(answers), last=False))

        answers = self._service.answer(rows, recorder, early, self._heartbeat.progress)
        rest = {index: answer for index, answer in enumerate(answers) if index not in sent}
        # Before the answer: a client that reads the metrics next finds its own request in them.
        if not all(row.probe for row in rows):
            recorder.observe(telemetry.WORKER_MEMORY, telemetry.resident_bytes())
            self._exporter.export(recorder.observations())
        self._send(wire.answers_message(_packed(rest), last=True))

    def _send(self, parts: list[bytes]) -> None:
        self._connection.sendall(b"".join(parts))


def main(
    connection: socket.socket,
    archive: Path,
    scratch: Path,
    metrics: Path,
    slot: int,
    batch_size: int,
) -> None:
    """Serve until the server has ended; report the reason if the worker cannot start.

    Args:
        connection: to the server.
        archive: unpacked.
        scratch: folder of heartbeats and locks that all workers share.
        metrics: folder of metrics that all workers share.
        slot: of this worker.
        batch_size: requests that the server hands over at once, at most.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, force=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server handles it
    try:
        worker = Worker(connection, archive, scratch, metrics, slot, batch_size)
    except Exception as error:
        final = isinstance(error, ArchiveError | ValueError)
        text = " ".join(f"{type(error).__name__}: {error}".split())
        connection.sendall(b"".join(wire.pack({"failed": text[:400], "final": final})))
        raise
    try:
        worker.run()
    except (EOFError, ConnectionError):
        return  # the server has ended


def _release_memory() -> None:
    """Return freed memory to the kernel; glibc keeps hundreds of megabytes otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # another C library has none
        trim(0)


def _packed(answers: dict[int, service.Answer]) -> wire.Answers:
    return {
        index: wire.WorkAnswer(answer.status, answer.body.encode(), answer.retry_after)
        for index, answer in answers.items()
    }

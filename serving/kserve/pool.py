"""Start worker processes, replace those that die, and kill those that hang."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Callable, Sequence
from typing import BinaryIO, Final

from serving.front.hosting import StartError
from serving.heartbeats import Heartbeats
from serving.kserve import wire
from serving.kserve.dispatch import Dispatcher
from serving.kserve.forking import ForkServer, ForkServerError, Plan

MAX_DEATHS: Final = 3
"""Maximum deaths of workers in a row before any became ready."""
PAUSE_SECONDS: Final = 0.5
"""Seconds before the next try if a worker could not start."""
POLL_SECONDS: Final = 0.5
"""Seconds between two checks for workers that hang."""
LOAD_SECONDS: Final = 120.0
"""Seconds that a worker may take to load the model, on a fraction of a core."""


class WorkerError(RuntimeError):
    """A worker could not start; the message says why.

    Args:
        message: of the worker.
        final: whether the next try would end in the same way.
    """

    def __init__(self, message: str, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class Worker:
    """One worker process; a :class:`serving.kserve.dispatch.BatchWorker`.

    Args:
        pid: of the process.
        reader: of its socket.
        writer: of the same.
    """

    def __init__(
        self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.pid = pid
        self._reader, self._writer = reader, writer

    @classmethod
    async def connected(cls, pid: int, connection: socket.socket) -> Worker:
        """Open the socket to a worker that was forked."""
        return cls(pid, *await asyncio.open_connection(sock=connection))

    async def read(self) -> tuple[dict[str, object], bytes]:
        """Read the worker's next message; raises EOFError when it has ended."""
        return await wire.read(self._reader)

    async def loaded(self) -> None:
        """Wait until the worker has loaded the model.

        Raises:
            WorkerError: it could not.
            EOFError: it died.
        """
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                head, _ = await self.read()
        except TimeoutError:
            raise WorkerError(f"it did not load the model within {LOAD_SECONDS:g} s") from None
        if "failed" in head:
            raise WorkerError(str(head["failed"]), bool(head["final"]))

    def send(self, requests: Sequence[wire.WorkRequest]) -> None:
        """Send a batch."""
        self._writer.writelines(wire.batch_message(requests))

    def close(self) -> None:
        """Close the socket, upon which the worker ends."""
        self._writer.close()

    def kill(self) -> None:
        """Kill the process."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class WorkerPool:
    """Workers of one server; see :meth:`run`.

    Args:
        plan: of the workers.
        dispatcher: gets the workers that are ready.
        log: receives what they print.
        report: called with what an operator should know, a line each.
    """

    def __init__(
        self,
        plan: Plan,
        dispatcher: Dispatcher,
        log: BinaryIO,
        report: Callable[[str], None],
    ) -> None:
        self._plan, self._dispatcher, self._log = plan, dispatcher, log
        self._report = report
        self._heartbeats = Heartbeats(plan.scratch)
        self._fork_server: ForkServer | None = None
        self._first_ready = asyncio.Event()
        self._workers: dict[int, Worker] = {}
        self._forked: set[int] = set()
        """Process ids, including those of workers that are loading."""
        self._replacing = asyncio.Lock()
        self.started = False
        """Whether a worker was ever ready."""
        self.deaths = 0
        """Deaths of workers in a row before any became ready."""
        self.why_not_ready = "the workers' modules are being imported"

    @property
    def ready(self) -> bool:
        """Whether predictions are answered at this moment."""
        return self._dispatcher.ready

    def why_not_started(self) -> str:
        """Explain why no worker was ever ready."""
        return self.why_not_ready

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that are ready."""
        return [worker.pid for worker in self._workers.values()]

    async def run(self) -> None:
        """Start the workers and keep them running until cancelled.

        Raises:
            StartError: none can be started.
        """
        self._heartbeats.clear()
        shutil.rmtree(self._plan.metrics, ignore_errors=True)
        self._plan.metrics.mkdir(parents=True)
        self._fork_server = ForkServer(self._plan, self._log)
        try:
            await self._fork_server.wait_ready()
        except ForkServerError as error:
            raise StartError(str(error)) from None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch())
                for slot in range(self._plan.workers):
                    group.create_task(self._keep(slot))
        # Not `except*`: before Python 3.11.4 what that raises is in a group again.
        except ExceptionGroup as errors:
            first = errors.exceptions[0]
            raise (first if isinstance(first, StartError) else errors) from None

    def stop(self, seconds: float) -> None:
        """Stop every process; kill those that still run after so many seconds."""
        for worker in self._workers.values():
            worker.close()
        if self._fork_server is not None:
            self._fork_server.stop(seconds)

    async def _keep(self, slot: int) -> None:
        """Keep one worker running; all but the first start when the first is ready.

        Raises:
            StartError: no worker can be started.
        """
        if slot:
            await self._first_ready.wait()
        while True:
            try:
                await self._serve(slot)
                if not self._workers:
                    self.why_not_ready = "every worker has died and is being replaced"
                    self._report(f"not ready: {self.why_not_ready}")
            except WorkerError as error:
                self._failed_to_start(error)
                await asyncio.sleep(PAUSE_SECONDS)
            except ForkServerError:
                await self._replace_fork_server()

    async def _serve(self, slot: int) -> None:
        """Start a worker and deliver its answers until it dies.

        Raises:
            WorkerError: it never became ready.
            ForkServerError: it could not be forked.
        """
        assert self._fork_server is not None
        pid, connection = await self._fork_server.fork(slot)
        worker = await Worker.connected(pid, connection)
        self._forked.add(pid)
        gone = False
        if not self.started:
            self.why_not_ready = "no worker has loaded the model"
        try:
            try:
                await worker.loaded()
            except (EOFError, ConnectionError):
                gone = True
                raise WorkerError(f"it died; {self._fork_server.last_error}") from None
            self._add(slot, worker)
            while True:
                head, payload = await worker.read()
                answers = wire.answers_in(head, payload)
                self._dispatcher.answered(worker, answers, last=bool(head["last"]))
        except (EOFError, ConnectionError):
            gone = True
            self._report(f"worker {pid} ended; what it had is repeated")
        finally:
            if not gone:  # else its process id may be another's by now
                worker.kill()
            worker.close()
            self._forked.discard(pid)
            self._remove(slot, worker)

    def _add(self, slot: int, worker: Worker) -> None:
        self._workers[slot] = worker
        self._dispatcher.attach(worker)
        self.deaths, self.why_not_ready, self.started = 0, "", True
        self._first_ready.set()
        if len(self._workers) == 1:
            self._report("ready")

    def _remove(self, slot: int, worker: Worker) -> None:
        self._workers.pop(slot, None)
        self._dispatcher.detach(worker)
        self._heartbeats.forget(self._forked)

    def _failed_to_start(self, error: WorkerError) -> None:
        """Count a failed start; raises StartError if another try is pointless."""
        self.deaths += 1
        if not self._workers and (error.final or self.deaths >= MAX_DEATHS):
            raise StartError(f"the worker dies while it starts: {error}") from None
        self._report(f"a worker could not start: {error}")

    async def _replace_fork_server(self) -> None:
        """Replace the fork server after it has ended, and its workers with it.

        Raises:
            StartError: the other ended as well.
        """
        async with self._replacing:  # every worker's task notices it
            if self._fork_server is None or self._fork_server.usable:
                return
            self._report("the fork server ended; starting another")
            await asyncio.to_thread(self._fork_server.stop, 0.0)
            self._fork_server = ForkServer(self._plan, self._log)
            try:
                await self._fork_server.wait_ready()
            except ForkServerError as error:
                raise StartError(str(error)) from None

    async def _watch(self) -> None:
        """Kill workers that hang, so that their requests are repeated."""
        while True:
            for worker in list(self._workers.values()):
                if reason := self._heartbeats.why_hung(worker.pid):
                    self._report(f"killed worker {worker.pid}: {reason}")
                    worker.kill()
            await asyncio.sleep(POLL_SECONDS)

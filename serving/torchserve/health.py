"""Health of the service, from its last answer and its workers' processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from serving.front.hosting import RuntimeEndedError, StartError
from serving.front.messages import PROBE_PHOTOGRAPH
from serving.heartbeats import Heartbeats
from serving.torchserve.client import TorchServeClient
from serving.torchserve.process import TorchServeProcess
from serving.torchserve.starts import WorkerStarts

POLL_SECONDS: Final = 0.5
MANAGEMENT_SECONDS: Final = 2.0
"""Seconds that TorchServe may take to describe its workers."""
SILENCE_SECONDS: Final = 60.0
"""Seconds without a response of TorchServe's management until it counts as dead."""
PROBE_AFTER_SECONDS: Final = 2.0
"""Seconds without any answer until a probe is sent."""
STALE_SECONDS: Final = 4.0
"""Seconds after which the last answer is no longer evidence of health."""
PROBE_SECONDS: Final = 30.0
"""Timeout of a probe in seconds, on a fraction of a core."""
MAX_DEATHS: Final = 3
"""Maximum deaths of workers in a row before any became ready. TorchServe would restart them
forever."""
FAILING_SECONDS: Final = 15.0
"""Seconds since the first of these starts after which one death is enough: TorchServe waits longer
and longer between restarts, and a slow start takes its time to fail."""
UNSTARTED_SECONDS: Final = 15.0
"""Seconds that TorchServe may answer without starting a worker; it goes on without a model that it
could not register."""
IDLE_POLLS: Final = 3
"""Polls in a row that must find all workers idle until requests count as lost."""


class FrontendError(RuntimeEndedError):
    """The TorchServe process itself has ended."""


@dataclass
class HealthMonitor:
    """Polls TorchServe, kills workers that hang, and says whether the service is ready.

    Attributes:
        process: to look after.
        client: that is told whether the service is ready.
        heartbeats: of its workers.
        starts: of its workers.
        management: address of TorchServe's management.
        report: called with what an operator should know, a line each.
    """

    process: TorchServeProcess
    client: TorchServeClient
    heartbeats: Heartbeats
    starts: WorkerStarts
    management: str
    report: Callable[[str], None]
    started: bool = False
    """Whether it was ever ready."""
    ready_workers: frozenset[int] = frozenset()
    """Process ids."""
    deaths: int = 0
    """Deaths of workers in a row before any became ready."""
    _starting_at: float | None = None
    """When a worker was first seen starting, since one was last ready."""
    _answering_at: float | None = None
    """When TorchServe's management first answered, since a worker was last ready."""
    _described_at: float = field(default_factory=time.monotonic)
    _probe: asyncio.Task[str] | None = None
    _probe_failure: str = ""
    _listed: set[int] = field(default_factory=set)
    """Process ids of all workers at the last poll."""
    _idle_polls: int = 0
    """Polls in a row that found all ready workers idle."""
    _session: aiohttp.ClientSession | None = None

    async def run(self) -> None:
        """Poll until cancelled.

        Raises:
            StartError: TorchServe ended, starts no worker, or they die before one is ready.
        """
        timeout = aiohttp.ClientTimeout(total=MANAGEMENT_SECONDS)
        try:
            async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as self._session:
                while True:
                    await self.poll()
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            if self._probe is not None:
                self._probe.cancel()

    async def poll(self) -> None:
        """Poll once.

        Raises:
            FrontendError: TorchServe itself ended.
            StartError: it starts no worker, or they die before one is ready.
        """
        if self.process.status is not None:
            raise FrontendError(
                f"TorchServe ended by itself (status {self.process.status}): "
                f"{self.process.last_error}"
            )
        listed, ready, why = await self._described()
        hung = {pid: reason for pid in ready if (reason := self.heartbeats.why_hung(pid))}
        for pid, reason in hung.items():
            if self.process.kill_worker(pid):
                self.report(f"killed worker {pid}: {reason}")
        self._repeat_lost(listed, ready - set(hung))
        if ready - set(hung) != self.ready_workers:
            self.ready_workers = frozenset(ready - set(hung))
            alive = self.process.workers()
            self.heartbeats.forget(alive)
            self.starts.forget(self.starts.failed(alive) | self.ready_workers)
        if self.ready_workers:
            self._starting_at, self._answering_at, self.deaths = None, None, 0
        else:
            self._check_starts()
        self._ask()
        self._decide(why or ", ".join(hung.values()))

    def why_not_started(self) -> str:
        """Explain why the service was never ready: why workers died, or where one is starting.

        Asks the starting worker, which takes a moment.
        """
        alive = self.process.workers()
        why = self.client.why_not_ready
        if failed := self.starts.failed(alive):
            words = self.starts.last_error(failed) or self.process.last_error
            why += f"; {len(failed)} died, the last of: {words}"
        for pid in self.starts.pids() & alive - self.ready_workers:
            if place := self.starts.whereabouts(pid):
                why += f"; worker {pid} is at {place}"
        return why

    @property
    def alive(self) -> bool:
        """Whether TorchServe itself answers, or has not had to yet."""
        return not self.started or time.monotonic() - self._described_at < SILENCE_SECONDS

    async def add_workers(self, count: int) -> None:
        """Ask TorchServe to scale to so many workers.

        Raises:
            StartError: it did not take that.
        """
        assert self._session is not None
        async with self._session.put(
            f"{self.management}/models/melanoma", params={"min_worker": str(count)}
        ) as reply:
            if reply.status != 202:
                raise StartError(f"TorchServe refused {count} workers (status {reply.status})")

    async def _described(self) -> tuple[set[int], set[int], str]:
        """Return the process ids of all workers and of the ready ones, and why none is ready."""
        assert self._session is not None
        try:
            async with self._session.get(f"{self.management}/models/melanoma") as reply:
                described: list[dict[str, Any]] = await reply.json(content_type=None)
                workers = described[0]["workers"] if reply.status == 200 else []
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            silent = time.monotonic() - self._described_at
            if self.started and silent < STALE_SECONDS:
                return self._listed, set(self.ready_workers), ""
            return self._listed, set(), f"TorchServe does not answer ({type(error).__name__})"
        self._described_at = time.monotonic()
        self._answering_at = self._answering_at or self._described_at
        listed = {int(worker["pid"]): worker["status"] for worker in workers}
        ready = {pid for pid, status in listed.items() if status == "READY"}
        return set(listed), ready, "" if ready else "no worker has loaded the model"

    def _repeat_lost(self, listed: set[int], ready: set[int]) -> None:
        """Have the client send requests again that were lost with a worker.

        Args:
            listed: process ids of all workers, as TorchServe lists them: a worker that dies as soon
                as it is ready is never seen ready.
            ready: process ids of the ready ones.
        """
        if self._listed - listed:
            self.client.worker_died()
            self._idle_polls = 0
        self._listed = listed
        idle = bool(ready) and not any(map(self.heartbeats.is_busy, ready))
        self._idle_polls = self._idle_polls + 1 if idle else 0
        if self._idle_polls == IDLE_POLLS:
            self.client.repeat_lost()

    def _check_starts(self) -> None:
        """Count workers that ended before they were ready; raises StartError after too many."""
        now = time.monotonic()
        failed = self.starts.failed(self.process.workers())
        self.deaths = len(failed)
        if self._starting_at is None and self.starts.pids():
            self._starting_at = now
        if self._starting_at is None:
            answering = now - self._answering_at if self._answering_at else 0.0
            if answering > UNSTARTED_SECONDS and not self.started:
                raise StartError(f"TorchServe starts no worker: {self.process.last_error}")
            return
        message, final = self.heartbeats.failure()
        late = now - self._starting_at > FAILING_SECONDS
        if self.deaths and (final or late or self.deaths >= MAX_DEATHS):
            why = self.starts.last_error(failed) or message or self.process.last_error
            raise StartError(f"the worker dies while it starts: {why}")

    def _ask(self) -> None:
        """Send a probe if no request has been answered for a while."""
        if self._probe is not None and self._probe.done():
            self._probe_failure = "" if self._probe.cancelled() else self._probe.result()
            self._probe = None
        idle = time.monotonic() - self.client.last_answer > PROBE_AFTER_SECONDS
        if self._probe is None and idle and self.ready_workers:
            self._probe = asyncio.create_task(self.client.probe(PROBE_PHOTOGRAPH, PROBE_SECONDS))

    def _decide(self, why: str) -> None:
        fresh = time.monotonic() - self.client.last_answer < STALE_SECONDS
        busy = self.started and any(map(self.heartbeats.is_busy, self.ready_workers))
        ready = bool(self.ready_workers) and (fresh or busy)
        if not ready:
            why = why or self._probe_failure or "no prediction has been answered for a while"
        self.client.why_not_ready = "" if ready else why
        if ready != self.client.ready:
            self.report("ready" if ready else f"not ready: {why}")
        self.client.ready = ready
        self.started = self.started or ready

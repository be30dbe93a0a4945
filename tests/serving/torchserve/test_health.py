"""Test that the health monitor soon gives up a server that cannot start."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from serving.front.hosting import StartError
from serving.front.telemetry import FrontMetrics
from serving.heartbeats import PREFIX as HEARTBEAT
from serving.heartbeats import Heartbeats
from serving.torchserve import health
from serving.torchserve.client import TorchServeClient
from serving.torchserve.health import FAILING_SECONDS, IDLE_POLLS, UNSTARTED_SECONDS, HealthMonitor
from serving.torchserve.process import TorchServeProcess
from serving.torchserve.starts import PREFIX, WorkerStarts


class Process:
    """Double of the TorchServe process."""

    status = None
    last_error = "the last line of its log"

    def __init__(self) -> None:
        self.alive: set[int] = set()

    def workers(self) -> set[int]:
        return self.alive


class Clock:
    """Simulated clock."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Watched:
    """Monitor with its doubles."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder, self.clock, self.process = folder, clock, Process()
        self.ready: set[int] = set()
        self.monitor = HealthMonitor(
            cast(TorchServeProcess, self.process),
            TorchServeClient(folder / "socket", 1.0, FrontMetrics(CollectorRegistry())),
            Heartbeats(folder),
            WorkerStarts(folder),
            "",
            lambda line: None,
        )
        self.monitor._described = self._described  # type: ignore[method-assign]
        self.monitor._ask = lambda: None  # type: ignore[method-assign]

    async def _described(self) -> tuple[set[int], set[int], str]:
        self.monitor._answering_at = self.monitor._answering_at or self.clock.now
        return (
            set(self.process.alive),
            set(self.ready),
            "" if self.ready else "no worker has loaded the model",
        )

    def start(self, pid: int, words: str | None = None) -> None:
        """Simulate the start of a worker; with an error, it has ended already."""
        (self.folder / f"{PREFIX}{pid}").write_text(words or "")
        if words is None:
            self.process.alive.add(pid)

    def beat(self, pid: int, *, busy: bool) -> None:
        """Write a worker's heartbeat file; a busy one promises progress within a minute."""
        now = time.monotonic()
        (self.folder / f"{HEARTBEAT}{pid}").write_text(f"{now} {now + 60 if busy else 0}")

    def poll(self, seconds: float = 0.5) -> None:
        """Advance the clock, then poll."""
        self.clock.now += seconds
        asyncio.run(self.monitor.poll())


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    clock = Clock()
    monkeypatch.setattr(health, "time", clock)
    return Watched(tmp_path, clock)


def test_gives_up_after_three_workers_that_were_never_seen_alive(watched: Watched) -> None:
    watched.start(1, "ImportError: libcudart.so.12")
    watched.poll()
    watched.start(2, "ImportError: libcudart.so.12")
    watched.poll()
    watched.start(3, "ImportError: libcudart.so.12")

    with pytest.raises(StartError, match=r"dies while it starts: ImportError: libcudart\.so\.12"):
        watched.poll()


def test_gives_up_after_one_dead_worker_and_a_delay(watched: Watched) -> None:
    watched.start(1)
    watched.poll()
    watched.poll(FAILING_SECONDS - 1)
    watched.process.alive = {2}
    watched.start(1, "OSError: slow")
    watched.start(2)
    watched.poll()

    with pytest.raises(StartError, match="OSError: slow"):
        watched.poll(1)


def test_waits_for_a_slow_worker(watched: Watched) -> None:
    watched.start(1)
    for _ in range(10):
        watched.poll(FAILING_SECONDS)
    assert watched.monitor.deaths == 0


def test_ready_worker_resets_the_count(watched: Watched) -> None:
    watched.start(1, "MemoryError: ")
    watched.start(2, "MemoryError: ")
    watched.start(3)
    watched.poll()
    assert watched.monitor.deaths == 2
    watched.ready = {3}
    watched.poll(FAILING_SECONDS)
    assert watched.monitor.deaths == 0
    watched.ready, watched.process.alive = set(), set()
    watched.poll(FAILING_SECONDS)
    watched.start(4, "MemoryError: ")
    watched.poll()

    assert watched.monitor.deaths == 1


def test_workers_killed_by_requests_do_not_count_as_start_failures(watched: Watched) -> None:
    for pid in range(1, 6):
        watched.start(pid, "Segmentation fault")
        (watched.folder / f"{HEARTBEAT}{pid}").touch()  # it had loaded the model between two polls
        watched.poll(FAILING_SECONDS)

    assert watched.monitor.deaths == 0


def test_requests_that_died_with_a_worker_are_repeated_once_the_workers_are_idle(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("worker_died", "repeat_lost"):
        monkeypatch.setattr(watched.monitor.client, name, partial(calls.append, name))
    watched.ready, watched.process.alive = {1, 2}, {1, 2}
    watched.poll()
    watched.ready, watched.process.alive = {2}, {2}
    watched.beat(2, busy=True)
    for _ in range(2 * IDLE_POLLS):
        watched.poll()
    assert calls == ["worker_died"]

    watched.beat(2, busy=False)
    for _ in range(IDLE_POLLS - 1):
        watched.poll()
    assert calls == ["worker_died"]
    watched.poll()
    assert calls == ["worker_died", "repeat_lost"]


def test_gives_up_torchserve_without_workers(watched: Watched) -> None:
    watched.poll()
    watched.poll(UNSTARTED_SECONDS)

    with pytest.raises(StartError, match="starts no worker: the last line of its log"):
        watched.poll()


def test_reason_names_dead_workers_and_their_last_errors(watched: Watched) -> None:
    watched.start(1, "ImportError: x")
    watched.poll()

    assert watched.monitor.why_not_started() == (
        "no worker has loaded the model; 1 died, the last of: ImportError: x"
    )

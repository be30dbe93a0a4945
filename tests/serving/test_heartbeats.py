"""Test the detection of hung workers by heartbeat files and process states."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.heartbeat import Heartbeat, report_failure
from serving.heartbeats import PREFIX, SILENT_SECONDS, Heartbeats

DEADLINE = 30


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def write(folder: Path, pid: int, beat: float, promise: float) -> None:
    (folder / f"{PREFIX}{pid}").write_text(f"{beat:020.6f} {promise:020.6f}\n", encoding="ascii")


def test_worker_within_its_deadline_is_busy_and_not_hung(tmp_path: Path) -> None:
    heartbeats, pid = Heartbeats(tmp_path), os.getpid()
    ours = Heartbeat(tmp_path, progress_seconds=60)

    assert not heartbeats.is_busy(pid)
    with ours.busy():
        assert heartbeats.is_busy(pid)
        assert heartbeats.why_hung(pid) == ""
    assert not heartbeats.is_busy(pid)
    assert heartbeats.why_hung(pid) == ""


def test_missed_deadline_is_a_hang_until_progress_is_made(tmp_path: Path) -> None:
    heartbeats, pid = Heartbeats(tmp_path), os.getpid()
    ours = Heartbeat(tmp_path, progress_seconds=-1)

    with ours.busy():
        assert "no progress" in heartbeats.why_hung(pid)
        assert not heartbeats.is_busy(pid)
        ours.progress(60)
        assert heartbeats.why_hung(pid) == ""


def test_worker_without_heartbeat_is_hung(tmp_path: Path) -> None:
    now = time.monotonic()
    write(tmp_path, 1, now - SILENT_SECONDS / 2, 0)
    write(tmp_path, 2, now - SILENT_SECONDS - 1, 0)
    heartbeats = Heartbeats(tmp_path, processes=tmp_path)

    assert heartbeats.why_hung(1) == ""
    assert "no sign of life" in heartbeats.why_hung(2)


def test_heartbeat_continues_while_the_worker_computes(tmp_path: Path) -> None:
    Heartbeat(tmp_path, progress_seconds=60)
    path = tmp_path / f"{PREFIX}{os.getpid()}"
    first = path.read_text()
    deadline = time.monotonic() + DEADLINE
    while path.read_text() == first:
        assert time.monotonic() < deadline, "there was no second beat"


def test_stopped_worker_is_hung_after_a_grace_period(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    heartbeats = Heartbeats(tmp_path)
    assert heartbeats.why_hung(sleeper.pid) == ""
    sleeper.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + DEADLINE
    while not (why := heartbeats.why_hung(sleeper.pid)):
        assert time.monotonic() < deadline, "it was never found out"
    assert why == "it is stopped by a signal"
    sleeper.send_signal(signal.SIGCONT)
    while heartbeats.why_hung(sleeper.pid):
        assert time.monotonic() < deadline, "it never recovered"


def test_archive_without_heartbeat_is_not_hung(tmp_path: Path) -> None:
    assert Heartbeats(tmp_path).why_hung(os.getpid()) == ""


@pytest.mark.parametrize("final", [True, False])
def test_start_failure_is_read_back(tmp_path: Path, final: bool) -> None:
    heartbeats = Heartbeats(tmp_path)
    assert heartbeats.failure() == ("", False)

    report_failure(tmp_path, ValueError("no\nway"), final=final)

    assert heartbeats.failure() == ("ValueError: no way", final)


def test_removes_files_of_an_earlier_server(tmp_path: Path) -> None:
    write(tmp_path, 11, 1, 0)
    report_failure(tmp_path, ValueError("x"), final=True)
    (tmp_path / "another").touch()

    Heartbeats(tmp_path).clear()

    assert [path.name for path in tmp_path.iterdir()] == ["another"]


def test_removes_files_of_ended_workers(tmp_path: Path) -> None:
    for pid in (11, 12):
        write(tmp_path, pid, 1, 0)
    report_failure(tmp_path, ValueError("x"), final=True)

    Heartbeats(tmp_path).forget({12})

    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{PREFIX}12", f"{PREFIX}error"]

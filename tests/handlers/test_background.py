"""Test background work: lower priority, and slots across all workers of a server."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from handlers.background import NICENESS, Background, BusyError

HOLDER = """
import sys
from pathlib import Path
from handlers.background import Background

with Background(1, Path(sys.argv[1])).slot():
    print("mine", flush=True)
    sys.stdin.read()
"""


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_work_lowers_only_its_own_threads_priority(tmp_path: Path) -> None:
    before = niceness()
    background = Background(1, tmp_path)

    assert background.run(niceness) == NICENESS
    assert background.run(niceness) == NICENESS
    assert niceness() == before < NICENESS


def test_errors_of_the_work_are_raised(tmp_path: Path) -> None:
    def work() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        Background(1, tmp_path).run(work)


def test_slots_are_limited(tmp_path: Path) -> None:
    first, second, third = (Background(2, tmp_path) for _ in range(3))

    with first.slot(), second.slot():
        with pytest.raises(BusyError), third.slot():
            pass
    with third.slot(), first.slot():
        pass


def test_slot_is_released_after_an_error(tmp_path: Path) -> None:
    first, second = Background(1, tmp_path), Background(1, tmp_path)

    with pytest.raises(RuntimeError, match="failed"), first.slot():
        raise RuntimeError("failed")

    with second.slot():
        pass


def test_slot_is_released_when_its_worker_dies(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "mine\n"
        with pytest.raises(BusyError), Background(1, tmp_path).slot():
            pass
        holder.kill()
        holder.wait(timeout=10)

    with Background(1, tmp_path).slot():
        pass

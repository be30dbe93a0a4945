"""Slow work yields to what is quick, and takes turns over all workers of a server."""

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


def test_work_yields_to_every_other_thread_and_they_stay_as_they_are(tmp_path: Path) -> None:
    before = niceness()
    background = Background(1, tmp_path)

    assert background.run(niceness) == NICENESS
    assert background.run(niceness) == NICENESS
    assert niceness() == before < NICENESS


def test_what_the_work_raises_is_raised(tmp_path: Path) -> None:
    def work() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        Background(1, tmp_path).run(work)


def test_only_so_many_get_a_slot_at_once(tmp_path: Path) -> None:
    first, second, third = (Background(2, tmp_path) for _ in range(3))

    with first.slot(), second.slot():
        with pytest.raises(BusyError), third.slot():
            pass
    with third.slot(), first.slot():
        pass


def test_a_turn_ends_with_an_error_as_well(tmp_path: Path) -> None:
    first, second = Background(1, tmp_path), Background(1, tmp_path)

    with pytest.raises(RuntimeError, match="failed"), first.slot():
        raise RuntimeError("failed")

    with second.slot():
        pass


def test_a_worker_that_dies_gives_its_turn_back(tmp_path: Path) -> None:
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

"""Ray gives the same file as worker processes, also where an actor is killed.

Ray is an extra that CI does not install (240 MB): these tests run after `make setup RAY=yes`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from tests.left_out import EXTRA
from tests.training.runs import quiet
from tests.training.score.conftest import start
from tests.training.score.test_killed import recorded, wait_until
from training.score.errors import ScoreError
from training.score.run import CHUNK, Job, run

DEADLINE = 300


@pytest.fixture
def with_ray() -> None:
    if find_spec("ray") is None:
        pytest.skip(EXTRA.format(package="ray", command="make setup RAY=yes"))


@pytest.mark.usefixtures("with_ray")
def test_killed_actors_lose_nothing_and_the_file_is_the_same(
    photographs: list[Path], job: Callable[..., Job]
) -> None:
    pipe = photographs[-1]
    asked = job(pipe.parent)
    engine = ("--engine", "ray", "--workers", "2")
    with start(asked, *engine, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: recorded(asked) >= CHUNK or process.poll() is not None)
            # Who waits for the pipe is killed; its successor finds a photograph there.
            other = pipe.with_name("other.tmp")
            other.write_bytes(photographs[0].read_bytes())
            other.replace(pipe)
            actors = [one for one in process.children(recursive=True) if is_actor(one)]
            assert actors, process.stderr.read()
            kill(actors)
            assert process.wait(DEADLINE) == 0, process.stderr.read()
        finally:
            kill([*process.children(recursive=True), process])

    whole = job(pipe.parent, "whole.parquet")
    run(whole, quiet())
    assert asked.output.read_bytes() == whole.output.read_bytes()


def kill(processes: Iterable[psutil.Process]) -> None:
    for one in processes:
        with suppress(psutil.NoSuchProcess):  # one may end because another was killed
            one.kill()


def is_actor(process: psutil.Process) -> bool:
    try:
        return any("MapWorker" in part for part in process.cmdline())
    except psutil.NoSuchProcess:
        return False


def test_missing_ray_is_named_with_its_command(
    photographs: list[Path], job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    asked = job(photographs[0])
    with pytest.raises(ScoreError, match="the package ray is missing: make setup RAY=yes"):
        run(Job(asked.source, asked.output, asked.archive, asked.options, 1, ""), quiet())

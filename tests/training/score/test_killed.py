"""A killed worker costs one photograph at most, and a killed run nothing that was scored."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil

from tests.training.runs import quiet
from tests.training.score.conftest import rows_of, start
from training.score.engines import KILLED, Processes
from training.score.items import Chunk, Item
from training.score.rows import Scored
from training.score.run import CHUNK, Job, run
from training.score.scorer import Known

DEADLINE = 240
"""Seconds until something that is waited for must have happened."""


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    return [one for one in process.children() if "spawn_main" in " ".join(one.cmdline())]


def test_killed_worker_loses_only_the_photograph_that_kills_it_again(
    photographs: list[Path], job: Callable[..., Job]
) -> None:
    asked = job(photographs[0].parent)
    chosen = [*photographs[:3], photographs[-1]]
    items = [Item(path.name, str(path)) for path in chosen]

    engine = Processes(1, asked.archive, asked.options, Known())

    scored: dict[int, Scored] = {}
    for chunk, found in engine.run([Chunk(0, items[:2]), Chunk(2, items[2:])]):
        scored |= dict(enumerate(found, chunk.first))
        for worker in workers_of(psutil.Process()):
            worker.kill()
            worker.wait(DEADLINE)

    assert sorted(scored) == [0, 1, 2, 3]
    assert [bool(scored[place].answer) for place in range(4)] == [True, True, True, False]
    assert scored[3].error == KILLED


def test_killed_run_leaves_no_process_and_goes_on_to_the_same_file(
    photographs: list[Path], job: Callable[..., Job]
) -> None:
    pipe = photographs[-1]
    asked = job(pipe.parent)
    with start(asked, "--workers", "2", stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: recorded(asked) >= CHUNK)
            workers = workers_of(process)
        finally:
            process.kill()
    _, alive = psutil.wait_procs(workers, DEADLINE)
    assert len(workers) == 2
    assert not alive
    assert not asked.output.exists()
    pipe.unlink()
    pipe.write_bytes(photographs[0].read_bytes())

    summary = run(asked, quiet())

    whole = job(pipe.parent, "whole.parquet")
    run(whole, quiet())
    assert summary.known == CHUNK + 1  # the last photograph is a copy of the first
    assert asked.output.read_bytes() == whole.output.read_bytes()
    assert len(rows_of(asked.output)) == CHUNK + 2


def recorded(job: Job) -> int:
    """Photographs that the journal of a running command has."""
    try:
        with closing(sqlite3.connect(f"file:{job.journal}?mode=ro", uri=True)) as journal:
            (count,) = journal.execute("SELECT count(*) FROM rows").fetchone()
            return int(count)
    except sqlite3.OperationalError:  # not there yet
        return 0

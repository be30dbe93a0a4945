"""A killed worker costs one photograph at most, and a killed run nothing that was scored."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from tests.training.runs import quiet
from tests.training.score.conftest import rows_of
from training.score.engines import KILLED
from training.score.run import Job, run
from training.settings import TrainingSettings

DEADLINE = 240
"""Seconds until something that is waited for must have happened."""
MANY = 70
"""Photographs before the one that blocks: more than two chunks."""


@pytest.fixture
def folder(small_set: Path, tmp_path: Path) -> Path:
    """Photographs, and as the last one a pipe: whoever reads it waits until it is killed."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    paths = sorted(small_set.glob("*/*/*.jpg"))[:MANY]
    assert len(paths) == MANY
    for place, path in enumerate(paths):
        (folder / f"{place:02d}.jpg").write_bytes(path.read_bytes())
    os.mkfifo(folder / "last.jpg")
    return folder


@contextmanager
def started(job: Job, workers: int, root: Path) -> Iterator[psutil.Popen]:
    """The command as a user runs it, which reads the pipe at some time."""
    archive = {"LESIONLENS_ARCHIVE": str(job.archive.parent)}
    command = [sys.executable, "-m", "training.score", job.source, str(job.output)]
    with psutil.Popen(
        [*command, "--workers", str(workers)],
        cwd=root,
        env=os.environ | archive,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        children: list[psutil.Process] = []
        try:
            yield process
        finally:
            children = process.children() if process.is_running() else []
            for one in (process, *children):
                if one.is_running():
                    one.kill()


def wait_for(condition: Callable[[], bool], process: psutil.Popen) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)


def scored(job: Job) -> int:
    """Photographs that the journal of a running command has."""
    try:
        with closing(sqlite3.connect(f"file:{job.journal}?mode=ro", uri=True)) as journal:
            (count,) = journal.execute("SELECT count(*) FROM rows").fetchone()
            return int(count)
    except sqlite3.OperationalError:  # not there yet
        return 0


def kill_workers(process: psutil.Popen) -> None:
    workers = [one for one in process.children() if "spawn_main" in " ".join(one.cmdline())]
    assert workers
    for worker in workers:
        worker.kill()


def test_killed_worker_loses_only_the_photograph_that_kills_it_again(
    folder: Path, job: Callable[..., Job], root: Path
) -> None:
    asked = job(folder)
    with started(asked, 2, root) as process:
        wait_for(lambda: scored(asked) == MANY // 32 * 32, process)
        kill_workers(process)
        wait_for(lambda: scored(asked) == MANY, process)
        kill_workers(process)
        assert process.wait(DEADLINE) == 1

    rows = rows_of(asked.output)
    assert rows[-1]["path"] == "last.jpg"
    assert rows[-1]["error"] == KILLED
    assert len(rows) == MANY + 1
    assert not [row for row in rows[:-1] if row["probability"] is None]


def test_killed_run_goes_on_to_the_same_file(
    folder: Path, job: Callable[..., Job], trained: TrainingSettings, root: Path
) -> None:
    asked = job(folder)
    with started(asked, 1, root) as process:
        wait_for(lambda: scored(asked) == MANY // 32 * 32, process)
        process.send_signal(signal.SIGKILL)
        process.wait(DEADLINE)
    assert not asked.output.exists()
    (folder / "last.jpg").unlink()
    (folder / "last.jpg").write_bytes((folder / "00.jpg").read_bytes())

    summary = run(asked, quiet())

    whole = job(folder, "whole.parquet")
    run(whole, quiet())
    assert summary.known == MANY // 32 * 32 + 1
    assert asked.output.read_bytes() == whole.output.read_bytes()

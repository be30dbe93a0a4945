"""What the tests of scoring share: a job on the small trained model, and the rows it writes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from pyarrow import parquet

from handlers.settings import HandlerSettings
from tests.conftest import ROOT
from training.score.run import CHUNK, Job
from training.score.scorer import Options
from training.settings import TrainingSettings


@pytest.fixture
def photographs(small_set: Path, tmp_path: Path) -> list[Path]:
    """More than a chunk of photographs, and as the last one a pipe: who opens it waits."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for place, path in enumerate(sorted(small_set.glob("*/*/*.jpg"))[: CHUNK + 1]):
        (folder / f"{place:02d}.jpg").write_bytes(path.read_bytes())
    os.mkfifo(folder / "last.jpg")
    return sorted(folder.iterdir())


@pytest.fixture
def job(trained: TrainingSettings, tmp_path: Path) -> Callable[..., Job]:
    """Makes jobs of one process that write to a temporary folder."""

    def make(source: Path | str, output: str = "scores.parquet", **options: Any) -> Job:
        return Job(
            str(source),
            tmp_path / output,
            trained.archive / "melanoma.mar",
            Options(HandlerSettings(), **options),
            workers=1,
        )

    return make


def start(asked: Job, *options: str, **how: Any) -> psutil.Popen:
    """Start the command that runs a job, in the checkout."""
    return psutil.Popen(
        [sys.executable, "-m", "training.score", asked.source, str(asked.output), *options],
        cwd=ROOT,
        env=os.environ | {"LESIONLENS_ARCHIVE": str(asked.archive.parent)},
        **how,
    )


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Rows of a Parquet output."""
    found: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return found

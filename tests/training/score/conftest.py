"""What the tests of scoring share: a job on the small trained model, and the rows it writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from handlers.settings import HandlerSettings
from training.score.run import Job
from training.score.scorer import Options
from training.settings import TrainingSettings


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


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Rows of a Parquet output."""
    found: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return found

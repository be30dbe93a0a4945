"""Scoring gives the answers of the served runtimes, to the last digit."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pyarrow import parquet

from handlers.settings import HandlerSettings
from tests.e2e.conftest import Trained
from tests.e2e.requests_of import RAW_PREDICT
from tests.training.runs import quiet
from training.score.rows import ANSWER
from training.score.run import Job, run
from training.score.scorer import Options

FEW = 12


@pytest.fixture(scope="session")
def rows(
    photographs: list[bytes], trained: Trained, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[bytes, dict[str, Any]]]:
    """Content and row of each photograph, and of two files that cannot be scored."""
    folder = tmp_path_factory.mktemp("scored")
    contents = [*photographs[:FEW], photographs[0][:300], b"no photograph"]
    for place, data in enumerate(contents):
        (folder / f"{place:02d}.jpg").write_bytes(data)
    output = folder.parent / "scores.parquet"
    archive = trained.store / "melanoma.mar"
    job = Job(str(folder), output, archive, Options(HandlerSettings.from_environment()), workers=1)

    assert run(job, quiet()).unreadable == 2

    return list(zip(contents, parquet.read_table(output).to_pylist(), strict=True))


def test_rows_are_the_answers_of_the_server(
    client: httpx.Client, rows: list[tuple[bytes, dict[str, Any]]]
) -> None:
    for data, row in rows:
        reply = client.post(RAW_PREDICT, content=data)
        if reply.status_code == 200:
            assert {field.name: row[field.name] for field in ANSWER} == reply.json()
        else:
            assert row["error"] == reply.json()["error"]

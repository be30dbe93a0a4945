"""Test the results table of ``make cluster-test``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cluster.reporting import FAILED, LEFT_OUT, PASSED, Row, Table

ROWS = (
    Row("a::one", "Pods evicted one after another", PASSED, "2,180 requests, 0 failed", 60.1),
    Row("a::two", "KEDA", LEFT_OUT, "the cluster has no KEDA", 0.1),
    Row("a::three", "The page starts", FAILED, "CrashLoopBackOff " * 12, 300.0),
)


@pytest.fixture
def table() -> Table:
    made = Table("kind-test", "lesionlens-test-1", {"KServe": "0.20.0"})
    for row in ROWS:
        made.add(row)
    return made


def test_table_lists_passed_and_skipped_checks(table: Table) -> None:
    lines = table.lines()

    assert lines[0] == "cluster kind-test: KServe 0.20.0"
    assert any(
        line.startswith("passed    Pods evicted") and line.endswith("0 failed") for line in lines
    )
    assert any(line.startswith("left out  KEDA") and "has no KEDA" in line for line in lines)
    assert sum("CrashLoopBackOff" in line for line in lines) > 1, "long words are wrapped"
    assert max(map(len, lines)) <= 124
    assert lines[-1] == "1 passed, 1 FAILED, 1 left out"


def test_table_is_written_as_json(table: Table, tmp_path: Path) -> None:
    table.write(tmp_path / "new/table.json")

    written = json.loads((tmp_path / "new/table.json").read_text())
    assert written["counts"] == {"passed": 1, "FAILED": 1, "left out": 1}
    assert written["rows"][0]["detail"] == "2,180 requests, 0 failed"
    assert written["versions"] == {"KServe": "0.20.0"}


def test_failed_write_keeps_the_previous_table(table: Table, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    table.write(path)
    before = path.read_text()
    table.versions["KServe"] = object()  # type: ignore[assignment]

    with pytest.raises(TypeError):
        table.write(path)

    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


def test_failed_teardown_fails_a_passed_test(table: Table) -> None:
    table.add(Row("a::one", "Pods evicted", FAILED, "not gone after 240 s", 240.0))
    table.add(Row("a::one", "Pods evicted", PASSED, "", 1.0))

    (row,) = [row for row in table.rows if row.test == "a::one"]
    assert (row.result, row.detail) == (FAILED, "not gone after 240 s")

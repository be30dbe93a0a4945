"""Test the benchmark of features: time limit and memory per photograph."""

from __future__ import annotations

from subprocess import CalledProcessError
from typing import Any

import pytest

from benchmarks import features
from benchmarks.features import LIMIT


def measured(photographs: int, extraction: float, search: float) -> dict[str, Any]:
    peaks = {"before": 300.0, "after_extraction": extraction, "after_search": search}
    return {"photographs": photographs, "peak_mb": peaks}


@pytest.mark.parametrize(("ratio", "met"), [(0.9, True), (1.3, True), (1.301, False)])
def test_compares_time_with_its_limit(ratio: float, met: bool) -> None:
    few, many = measured(10, 400, 400), measured(100, 400, 400)
    document = features.document({"ratio": ratio}, few, many)

    assert document["time"] == {"ratio": ratio, "limit": LIMIT, "met": met}


def test_reports_growth_per_photograph() -> None:
    few, many = measured(1000, 700, 750), measured(10_000, 718, 1200)
    document = features.document({"ratio": 1.0}, few, many)

    growth = document["memory"]["kb_a_further_photograph"]
    assert growth == {"after_extraction": 2.0, "after_search": 50.0}
    assert (document["memory"]["few"], document["memory"]["many"]) == (few, many)


def test_failed_measurement_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "false")

    with pytest.raises(CalledProcessError):
        features.run("time", photographs=1)

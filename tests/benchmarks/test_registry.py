"""Every benchmark is found by its name, and its result is committed under that name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, main


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_name_leads_to_a_measurement_and_a_result(root: Path, name: str) -> None:
    module = import_module(f"benchmarks.{BENCHMARKS[name][0].split()[0]}")

    assert callable(module.measure)
    assert (root / f"benchmarks/results/{name}.json").is_file()


def test_without_a_name_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in BENCHMARKS)
    assert main(["nothing"]) == 2


def test_what_cannot_be_measured_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("benchmarks.gpu.gpus", list)

    assert main(["gpu", "--output", str(tmp_path / "gpu.json")]) == 2
    assert "names no GPU" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())

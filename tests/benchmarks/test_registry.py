"""Test the registry of benchmarks: names, measurements and committed results."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, main


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_name_has_a_measurement_and_a_result(root: Path, name: str) -> None:
    module = import_module(f"benchmarks.{BENCHMARKS[name][0].split()[0]}")

    assert callable(module.measure)
    assert (root / f"benchmarks/results/{name}.json").is_file()


def test_lists_all_without_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in BENCHMARKS)
    assert main(["nothing"]) == 2


def test_unavailable_measurement_states_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("benchmarks.gpu.gpus", list)

    assert main(["gpu", "--output", str(tmp_path / "gpu.json")]) == 2
    assert "names no GPU" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())

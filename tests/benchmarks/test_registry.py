"""Test the registry of benchmarks: names, measurements and committed results."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, main


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_name_has_a_measurement_and_a_result(root: Path, name: str) -> None:
    module = import_module(f"benchmarks.{BENCHMARKS[name].command.split()[0]}")

    assert callable(module.measure)
    assert (root / f"benchmarks/results/{name}.json").is_file()


@pytest.mark.parametrize("name", BENCHMARKS)
def test_needs_are_targets_of_make(
    root: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = re.findall(r"^([a-z-]+):", (root / "Makefile").read_text("utf-8"), re.MULTILINE)

    assert main([name, "--needs"]) == 0
    assert set(capsys.readouterr().out.split()) <= set(targets)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_that_reads_the_archive_needs_it(root: Path, name: str) -> None:
    module = BENCHMARKS[name].command.split()[0].replace(".", "/")
    source = (root / f"benchmarks/{module}.py").read_text(encoding="utf-8")

    starts = re.search(
        r"temporary_server|LocalServer|Server\(|served\(|Settings\(\)\.archive", source
    )
    assert ("archive" in BENCHMARKS[name].needs) is bool(starts)


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

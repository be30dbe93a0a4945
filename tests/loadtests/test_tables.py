"""The figures in the pages are those of the committed results."""

import json
from pathlib import Path

import pytest

from loadtests.tables import PAGES, TABLES, costs, filled


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_shows_the_committed_results(root: Path, page: Path) -> None:
    text = (root / page).read_text(encoding="utf-8")

    assert filled(text, root) == text


def test_the_page_names_the_committed_costs(root: Path) -> None:
    assert (root / "web/methods.json").read_text("utf-8") == costs(root)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_shown_somewhere(root: Path, name: str) -> None:
    assert any(f"<!-- {name} -->" in (root / page).read_text("utf-8") for page in PAGES)


@pytest.mark.parametrize(
    ("name", "path", "shows"),
    [
        (
            "docs/results/training.json headline",
            ("from_nothing", "scores", "test", "auroc", "value"),
            "0.123",
        ),
        ("docs/results/report.json scores", ("scores", "test", "auprc", "value"), "0.123"),
        (
            "docs/results/report.json recipes",
            ("recipes", "head", "test", "auroc", 0),
            "0.740 ± ",
        ),
        (
            "docs/results/report.json flags",
            ("review", "caught", "face", "caught", "value"),
            "0.123",
        ),
        ("docs/results/report.json stress", ("covered", "auroc", "value"), "0.123"),
        (
            "docs/results/training.json backends",
            ("from_nothing", "backends", "measured", "fp32", "auroc_loss"),
            "| 0.1230 |",
        ),
        ("docs/results/features.json", ("time", "ratio"), "| 0.12 |"),
        ("docs/results/gpu.json", ("auroc", "with", "test", "value"), "| 0.123 ("),
        ("docs/results/explaining.json", ("alone", "ratio"), ": 0.12 times"),
        (
            "docs/results/explanations.json",
            ("methods", "grad_cam", "deletion", "value"),
            "| 0.123 (",
        ),
        (
            "docs/results/explanations.json baselines",
            ("baselines", "integrated_gradients", "black", "insertion", "value"),
            "| 0.123 (",
        ),
        ("docs/results/page.json", ("answered", "p95_ms"), ", 0 ms |"),
        ("docs/results/telemetry.json", ("cost_ms", "median"), "0.12 ms"),
        (
            "docs/results/bench.json servers",
            ("servers", "lesionlens", "cells", "predict phone", "8", "per_second"),
            "| 0.1 |",
        ),
        ("docs/results/bench.json limit", ("in_process", "phone", "both_ms", "fp32"), "| 0.1 |"),
        ("docs/results/bench.json", ("in_process", "small", "forward_ms", "eager"), ", 0.0"),
        ("docs/results/training.json time", ("with_cache", "wall_seconds"), "| 0 s; "),
        (
            "docs/results/bench.json throughput",
            ("servers", "kserve", "cells", "predict small", "8", "per_second"),
            "| 0.1 |",
        ),
        ("docs/results/bench.json resources", ("servers", "kserve", "start_seconds"), "| 0.1 |"),
        ("docs/results/overload.json", ("recovered_after_seconds",), "| 0.1 s |"),
        ("docs/results/loadtest.json", ("objectives", 0, "found"), "| 0.123 ms |"),
        ("docs/results/decoding.json", ("most_memory",), "| **0.12** |"),
        ("docs/results/decoding_heif.json", ("most",), "| **0.12** |"),
        ("docs/results/decoding.json child", ("child", "structure_ms"), "| 0.1 of it"),
        ("monitoring/thresholds.json", ("measured", "false_alarms", "days"), "| 0.123 |"),
        (
            "monitoring/thresholds.json power",
            ("measured", "power", 0, "1h", "median_hours_until_found"),
            "| 0.123 |",
        ),
    ],
)
def test_another_result_makes_another_table(
    root: Path, name: str, path: tuple[str | int, ...], shows: str
) -> None:
    document = json.loads((root / name.partition(" ")[0]).read_text(encoding="utf-8"))
    assert shows not in TABLES[name](document)
    inside = document
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = 0.123

    assert shows in TABLES[name](document)


def test_a_page_without_the_marks_is_refused(root: Path) -> None:
    with pytest.raises(ValueError, match="no table to fill"):
        filled("# nothing", root)

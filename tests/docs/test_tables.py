"""Test that the figures on the pages equal the committed results."""

import json
from pathlib import Path
from typing import Any

import pytest

from docs.tables import filled, page_costs, pages, shown, table, templates


def test_the_pages_show_the_committed_results(root: Path) -> None:
    found = pages(root)
    assert len(found) > 10
    for page in found:
        text = page.read_text(encoding="utf-8")
        assert filled(text, root) == text, page


def test_the_page_names_the_committed_costs(root: Path) -> None:
    assert (root / "web/methods.json").read_text("utf-8") == page_costs(root)


def test_every_table_is_used_on_a_page(root: Path) -> None:
    names = [shown(page.read_text(encoding="utf-8")) for page in pages(root)]

    assert set().union(*names) == set(templates())


def result_of(root: Path, name: str) -> dict[str, Any]:
    folder = "monitoring" if name.startswith("thresholds") else "benchmarks/results"
    path = root / folder / f"{name.partition('-')[0]}.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


@pytest.mark.parametrize(
    ("name", "path", "shows"),
    [
        (
            "training-headline",
            ("from_nothing", "scores", "test", "auroc", "value"),
            "0.123",
        ),
        ("report-scores", ("scores", "test", "auprc", "value"), "0.123"),
        (
            "recipes",
            ("recipes", "head", "test", "auroc", 0),
            "0.740 ± ",
        ),
        (
            "report-flags",
            ("review", "caught", "face", "caught", "value"),
            "0.123",
        ),
        (
            "stress",
            (
                *("variants", "int8-224px-2stages-2orientations"),
                *("covered", "auroc", "value"),
            ),
            "0.123",
        ),
        ("invariance", ("label_flips", "dark corners", "unseen", "value"), "12.3%"),
        (
            "orientations",
            ("networks", "int8-224px-2stages", "ways", "2", "passes"),
            "| 0.12 |",
        ),
        (
            "training-backends",
            ("from_nothing", "backends", "measured", "fp32", "largest_difference"),
            "| 1.2e-01 |",
        ),
        (
            "training-variants",
            (
                *("from_nothing", "variants", "measured"),
                *("float32-224px-1stage-upright", "specificity", "value"),
            ),
            "| 0.12 |",
        ),
        (
            "variants",
            ("one_client", "float32-224px-1stage-upright", "p50_ms"),
            "| 0.1 ms |",
        ),
        ("features", ("time", "ratio"), "| 0.12 |"),
        ("formats", ("formats", "exported", "forward_ms"), "| 0.1 |"),
        ("gpu", ("auroc", "with", "test", "value"), "| 0.123 ("),
        ("explaining", ("alone", "ratio"), ": 0.12 times"),
        (
            "explanations",
            ("methods", "grad_cam", "deletion", "value"),
            "| 0.123 (",
        ),
        (
            "explanations-baselines",
            ("baselines", "integrated_gradients", "black", "insertion", "value"),
            "| 0.123 (",
        ),
        ("memory", ("workers", "1", "kserve", "started", "most_mb"), "| 0 | 0.00 |"),
        (
            "estimation",
            ("shifts", "test photographs: blur", "sensitivity", "true"),
            "| 0.123, ",
        ),
        ("page", ("answered", "p95_ms"), ", 0 ms |"),
        ("score", ("share_of_limit",), "| 12 % |"),
        ("score-paper", ("scored", "per_second"), "| 4,517 |"),
        ("score-ray", ("engines", "photographs"), "of 0 photographs"),
        ("framing", ("auroc", "centre", "value"), "| 0.123 ("),
        ("similar_cases", ("groups", "cancer", "right", "value"), "| 0.123 ("),
        ("receipts", ("signing_ms",), "| 0.123 ms |"),
        ("telemetry", ("cost_ms", "median"), "0.12 ms"),
        (
            "peers-servers",
            ("servers", "lesionlens", "cells", "predict phone", "8", "per_second"),
            "| 0.1 |",
        ),
        ("peers-limit", ("in_process", "phone", "both_ms", "fp32"), "| 0.1 |"),
        ("peers", ("in_process", "small", "forward_ms", "eager"), ", 0.0"),
        ("training-time", ("with_cache", "wall_seconds"), "| 0 s; "),
        (
            "peers-throughput",
            ("servers", "kserve", "cells", "predict small", "8", "per_second"),
            "| 0.1 |",
        ),
        ("peers-resources", ("servers", "kserve", "start_seconds"), "| 0.1 |"),
        ("overload", ("recovered_after_seconds",), "| 0.1 s |"),
        ("loadtest", ("objectives", 0, "found"), "| 0.123 ms |"),
        ("decoding", ("most_memory",), "| **0.12** |"),
        ("decoding_heif", ("most",), "| **0.12** |"),
        ("decoding-child", ("child", "structure_ms"), "| 0.1 of it"),
        ("thresholds", ("measured", "false_alarms", "days"), "| 0.123 |"),
        (
            "thresholds-power",
            ("measured", "power", 0, "1h", "median_hours_until_found"),
            "| 0.123 |",
        ),
    ],
)
def test_table_changes_with_its_result(
    root: Path, name: str, path: tuple[str | int, ...], shows: str
) -> None:
    document = result_of(root, name)
    assert shows not in table(name, document)
    inside: Any = document
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = 0.123

    assert shows in table(name, document)


def test_the_table_of_candidates_shows_what_was_measured(root: Path) -> None:
    measured = {"value": 0.5, "low": 0.4, "high": 0.6}
    one = {"difference": measured, "apart": True}
    both = {"deletion": one, "insertion": one | {"apart": False}}
    against = {name: both for name in ("random", "edges", "centre", "grad_cam", "lime")}
    candidate = {
        "steps": 72.0,
        "deletion": measured | {"value": 0.123},
        "insertion": measured,
        "against": against,
    }
    document = result_of(root, "explanations") | {"candidates": {"lime_49": candidate}}

    line = table("explanations-candidates", document).splitlines()[-1]

    assert line.startswith("| `lime_49` | 72 | 0.123 (0.400 to 0.600) | 0.500 (")
    assert "| random, edges, centre | none | +0.500 (+0.400 to +0.600) |" in line
    assert table("explanations-candidates", document | {"candidates": {}}) == "\n"

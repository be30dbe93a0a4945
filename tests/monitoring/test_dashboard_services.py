"""Test dashboards with several services, such as a canary."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from handlers.metric import VERSION
from monitoring.dashboards import files

BOARDS: dict[str, Any] = {name: json.loads(text) for name, text in files.texts().items()}
PANELS = [
    panel
    for board in BOARDS.values()
    for panel in board["panels"]
    if panel["type"] not in ("row", "text")
]


def test_shows_canary_alongside_the_service() -> None:
    for board in BOARDS.values():
        (service,) = (v for v in board["templating"]["list"] if v["name"] == "service")
        assert (service["multi"], service["includeAll"]) == (True, True)
        assert service["current"]["value"] == ["$__all"]
        assert "allValue" not in service, "it would take in every other TorchServe"


TOGETHER = {"heatmap", "bargauge", "barchart"}
"""Kinds of panel that can show one thing only."""
AGGREGATED = re.compile(r"\b(?:sum|max|min|count|avg)(?: by \(([^)]*)\))? ?\(")
"""An aggregate and the labels that it keeps."""


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))
def test_services_are_shown_separately_by_name(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        for labels in AGGREGATED.findall(target["expr"]):
            assert ("service" in labels.split(", ")) == (panel["type"] not in TOGETHER)
        if panel["type"] in {"timeseries", "stat"}:
            assert target["legendFormat"].endswith("{{service}}")
    if panel["type"] == "table":
        (names,) = (
            step["options"]["include"]["names"]
            for step in panel["transformations"]
            if step["id"] == "filterFieldsByName"
        )
        assert names[:2] == ["service", VERSION]


def test_canary_lines_are_dotted() -> None:
    for panel in PANELS:
        if panel["type"] == "timeseries":
            *_, last = panel["fieldConfig"]["overrides"]  # the last wins
            assert re.search(last["matcher"]["options"].strip("/"), "failed melanoma-canary")
            assert not re.search(last["matcher"]["options"].strip("/"), "failed melanoma")
            assert last["properties"][0]["value"]["fill"] == "dot"


SERVICES = ("melanoma", "melanoma-canary")
COUNTED = {
    "lesionlens_requests_total": 'verb="predict", outcome="failed"',
    "lesionlens_worker_start_time_seconds": "",
    "lesionlens_predictions_total": 'label="cancer", review="true"',
    "lesionlens_review_reasons_total": 'reason="low_quality"',
    "lesionlens:predictions:1h": "",
    "lesionlens:measured_ppv:28d": "",
    "lesionlens:drift_psi:1h": 'feature="brightness"',
    "lesionlens:drift_psi_threshold:1h": 'feature="brightness"',
}
"""Series of each service, with the labels that a panel asks for."""
ANSWERED = {
    "Requests",
    "Failed requests",
    "Measured PPV, 28 d",
    "Servers",
    "Worker starts, 1 h",
    "Reasons, 1 h",
    "Worst feature against its limit, 1 h",
    "Photographs, 1 h",
    "Age of the youngest worker",
    "Requests by version",
}


def test_every_panel_has_a_series_of_each_service(promtool: str, tmp_path: Path) -> None:
    series = [
        {
            "series": f'{name}{{namespace="local", service="{service}", instance="x", '
            f'{VERSION}="1", {labels}}}'.replace(", }", "}"),
            "values": "1+1x120",
        }
        for name, labels in COUNTED.items()
        for service in SERVICES
    ]
    asked = {
        title: expr.replace('service=~"melanoma"', f'service=~"{"|".join(SERVICES)}"')
        for title, expr in files.expressions()
        if title in ANSWERED
    }
    tests = [
        {
            "expr": f"count by (service) ({expr})",
            "eval_time": "2h",
            "exp_samples": [{"labels": f'{{service="{name}"}}', "value": 1} for name in SERVICES],
        }
        for expr in asked.values()
    ]
    path = tmp_path / "services.yaml"
    case = {"interval": "1m", "input_series": series, "promql_expr_test": tests}
    path.write_text(yaml.safe_dump({"tests": [case]}), encoding="utf-8")
    command = [promtool, "test", "rules", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert set(asked) == ANSWERED
    assert ended.returncode == 0, ended.stdout + ended.stderr

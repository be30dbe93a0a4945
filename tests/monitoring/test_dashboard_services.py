"""Several services in one dashboard, as with a canary: kept apart and named."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from handlers.telemetry import VERSION
from monitoring.dashboards import files

BOARDS: dict[str, Any] = {name: json.loads(text) for name, text in files.texts().items()}
PANELS = [panel for board in BOARDS.values() for panel in board["panels"] if panel["type"] != "row"]


def test_services_may_be_several_so_that_a_canary_is_beside_the_service() -> None:
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
def test_services_are_kept_apart_and_named(panel: dict[str, Any]) -> None:
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


def test_a_canarys_lines_are_told_from_the_services() -> None:
    for panel in PANELS:
        if panel["type"] == "timeseries":
            *_, last = panel["fieldConfig"]["overrides"]  # the last wins
            assert re.search(last["matcher"]["options"].strip("/"), "failed melanoma-canary")
            assert not re.search(last["matcher"]["options"].strip("/"), "failed melanoma")
            assert last["properties"][0]["value"]["fill"] == "dot"

"""The dashboards' JSON files: their texts, paths and expressions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel
from grafana_foundation_sdk.models.prometheus import Dataquery

from handlers.drift import FEATURES
from monitoring import threshold_file
from monitoring.dashboards.drift import drift
from monitoring.dashboards.performance import performance
from monitoring.dashboards.service import service
from monitoring.prometheus import objectives

FOLDER: Final = Path(__file__).resolve().parent / "json"

DEFAULTS: Final = {
    "$__rate_interval": "5m",
    "$namespace": "local",
    "$service": "melanoma",
    "$version": ".+",
    "$feature": FEATURES[0],
}
"""Values of Grafana's variables for the local server."""


def dashboards() -> dict[str, Dashboard]:
    """Return each dashboard by the name of its file."""
    promised, calibrated = objectives.load(), threshold_file.load()
    return {
        "service.json": service(promised),
        "drift.json": drift(promised, calibrated),
        "performance.json": performance(promised),
    }


def texts() -> dict[str, str]:
    """Return the text of each file; equal limits give equal bytes."""
    return {
        name: json.dumps(board, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
        for name, board in dashboards().items()
    }


def write(folder: Path = FOLDER) -> list[Path]:
    """Write every file."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in texts().items():
        (folder / name).write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written


def expressions() -> list[tuple[str, str]]:
    """Return title and PromQL of every query of every panel, for the local server."""
    return [
        (_filled(panel.title or ""), _filled(target.expr))
        for board in dashboards().values()
        for panel in board.panels or []
        if isinstance(panel, Panel)
        for target in panel.targets or []
        if isinstance(target, Dataquery)
    ]


def _filled(text: str) -> str:
    for variable, value in DEFAULTS.items():
        text = text.replace(variable, value)
    return text

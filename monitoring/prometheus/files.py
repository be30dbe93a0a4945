"""The rule files: their texts, paths and expressions."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from monitoring import threshold_file
from monitoring.prometheus import alerts, objectives, recording
from monitoring.prometheus.rule import Group, rule_file
from monitoring.settings import MonitoringSettings

FOLDER: Final = Path(__file__).resolve().parent.parent / "rules"


def groups(settings: MonitoringSettings) -> dict[str, tuple[Group, ...]]:
    """Return the groups of each file, in the order in which Prometheus should load them."""
    promised, limits = objectives.load(), threshold_file.load()
    return {
        "recording.yaml": recording.groups(promised, limits),
        "alerts.yaml": alerts.groups(promised, limits, settings.service),
    }


def texts(settings: MonitoringSettings) -> dict[str, str]:
    """Return the text of each file."""
    return {
        name: rule_file(content, settings.runbooks) for name, content in groups(settings).items()
    }


def write(settings: MonitoringSettings, folder: Path = FOLDER) -> list[Path]:
    """Write the files; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in texts(settings).items():
        paths.append(folder / name)
        paths[-1].write_text(text, encoding="utf-8")
    return paths


def expressions(settings: MonitoringSettings | None = None) -> list[tuple[str, str]]:
    """Return name and PromQL of every rule, in order; a name may occur several times."""
    rules = [
        rule
        for content in groups(settings or MonitoringSettings()).values()
        for group in content
        for rule in group.rules
    ]
    return [(rule.name, rule.expr) for rule in rules]

"""The rule files, and the same rules as one PrometheusRule for the Prometheus operator."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from monitoring import threshold_file
from monitoring.prometheus import (
    answer_alerts,
    burn_alerts,
    measured_alerts,
    objectives,
    performance_alerts,
    recording,
    server_alerts,
)
from monitoring.prometheus.rule import Group, dump, rule_file
from monitoring.settings import MonitoringSettings

FOLDER: Final = Path(__file__).resolve().parent.parent / "rules"
MANIFEST: Final = FOLDER.parent.parent / "k8s/components/monitoring/prometheusrule.yaml"


def groups(settings: MonitoringSettings) -> dict[str, tuple[Group, ...]]:
    """Return the groups of each file, in the order in which Prometheus should load them."""
    promised, limits = objectives.load(), threshold_file.load()
    return {
        "recording.yaml": recording.groups(promised, limits),
        "alerts.yaml": (
            *burn_alerts.groups(promised),
            *answer_alerts.groups(promised.answers, limits),
            *performance_alerts.groups(promised.performance),
            *measured_alerts.groups(promised.performance),
            *server_alerts.groups(promised.server, settings.service),
        ),
    }


def texts(settings: MonitoringSettings) -> dict[str, str]:
    """Return the text of each file."""
    return {
        name: rule_file(content, settings.runbooks) for name, content in groups(settings).items()
    }


def manifest(settings: MonitoringSettings) -> str:
    """Return the PrometheusRule: every group of every file, in the order of evaluation."""
    every = [group for content in groups(settings).values() for group in content]
    return dump(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {
                "name": "lesionlens",
                "labels": {"app.kubernetes.io/part-of": "lesionlens"},
            },
            "spec": {"groups": [group.document(settings.runbooks) for group in every]},
        }
    )


def write(
    settings: MonitoringSettings, folder: Path = FOLDER, operator: Path = MANIFEST
) -> list[Path]:
    """Write the files into a folder, and the operator's manifest; returns their paths."""
    written = {folder / name: text for name, text in texts(settings).items()}
    written[operator] = manifest(settings)
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(written)


def expressions(settings: MonitoringSettings | None = None) -> list[tuple[str, str]]:
    """Return name and PromQL of every rule, in order; a name may occur several times."""
    rules = [
        rule
        for content in groups(settings or MonitoringSettings()).values()
        for group in content
        for rule in group.rules
    ]
    return [(rule.name, rule.expr) for rule in rules]

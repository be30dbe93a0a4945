"""The same rules as one PrometheusRule for the Prometheus operator on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from monitoring.prometheus import files
from monitoring.prometheus.rule import dump
from monitoring.settings import MonitoringSettings

FILE: Final = files.FOLDER.parent.parent / "k8s/components/monitoring/prometheusrule.yaml"


def text(settings: MonitoringSettings) -> str:
    """Return the manifest: every group of every rule file, in the order of evaluation."""
    groups = [group for content in files.groups(settings).values() for group in content]
    return dump(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {
                "name": "lesionlens",
                "labels": {"app.kubernetes.io/part-of": "lesionlens"},
            },
            "spec": {"groups": [group.document(settings.runbooks) for group in groups]},
        }
    )


def write(settings: MonitoringSettings, path: Path = FILE) -> Path:
    """Write the manifest; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(settings), encoding="utf-8")
    return path

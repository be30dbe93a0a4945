"""The page of metrics: every family that the service exports, from its own declarations."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry

from handlers import telemetry
from serving.front.telemetry import FrontMetrics

UNITS: Final = {"count": "", "s": "seconds", "ratio": "0 to 1", "bytes": "bytes", "one": ""}


def _of_the_front() -> list[tuple[str, str, str, tuple[str, ...], str]]:
    """Name, kind, unit, labels and help of each metric of the front."""
    registry = CollectorRegistry()
    made = vars(FrontMetrics(registry)).items()
    metrics = [metric for name, metric in made if not name.startswith("_")]
    families = [(metric, family) for metric in metrics for family in metric.describe()]
    return [
        (
            family.name + ("_total" if family.type == "counter" else ""),
            family.type,
            "seconds" if family.name.endswith("_seconds") else "",
            metric._labelnames,
            family.documentation,
        )
        for metric, family in families
    ]


FRONT: Final = _of_the_front()


def page() -> str:
    """The page in Markdown."""
    rows = [
        f"| `{metric.name}` | {metric.kind} | {UNITS[metric.unit]} "
        f"| {', '.join(f'`{label}`' for label in metric.labels)} | {metric.help} |"
        for metric in telemetry.METRICS
    ]
    rows += [
        f"| `{name}` | {kind} | {unit} | {', '.join(f'`{label}`' for label in labels)} | {help_} |"
        for name, kind, unit, labels, help_ in FRONT
    ]
    return "\n".join(
        [
            "# Metrics\n",
            "One endpoint has them all: `http://127.0.0.1:8082/metrics`, as `make serve` starts "
            "it. This page is written from `handlers/telemetry.py` and "
            "`serving/front/telemetry.py` when the site is built. "
            "[Monitor](../how-to/monitoring.md) says what they are good for, "
            "[How drift is computed](../explanation/drift.md) what becomes of the bins.\n",
            "| name | kind | unit | labels | |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "No label holds anything of a photograph or of a person: the handler's series are "
            "known before the first request, and each begins at zero.\n",
        ]
    )

"""The page of metrics: every family that the service exports, from its own declarations."""

from __future__ import annotations

from typing import Final

from handlers import telemetry

UNITS: Final = {"count": "", "s": "seconds", "ratio": "0 to 1", "bytes": "bytes", "one": ""}


def page() -> str:
    """The page in Markdown."""
    rows = [
        f"| `{metric.name}` | {metric.kind} | {UNITS[metric.unit]} "
        f"| {', '.join(f'`{label}`' for label in metric.labels)} | {metric.help} |"
        for metric in telemetry.METRICS
    ]
    return "\n".join(
        [
            "# Metrics\n",
            "TorchServe's own endpoint has them all: `http://127.0.0.1:8082/metrics`, as `make "
            "serve` starts it. This page is written from "
            "`handlers/telemetry.py` when the site is built. "
            "[Monitor](../how-to/monitoring.md) says what they are good for, "
            "[How drift is computed](../explanation/drift.md) what becomes of the bins.\n",
            "| name | kind | unit | labels | |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "No label holds anything of a photograph or of a person: the series are known before "
            "the first request, and each begins at zero.\n",
        ]
    )

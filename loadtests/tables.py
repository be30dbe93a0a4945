"""The tables of figures in the pages, from the committed results; ``make measure-...``.

Nobody types a figure: a test compares the pages with what this gives.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

PAGES: Final = (Path("README.md"), Path("docs/monitoring.md"))
"""Each holds, for a table, the result's path between ``<!--`` and ``-->``, and ``<!-- end -->``."""


def training_table(document: dict[str, Any]) -> str:
    """Scores and times of a training as a Markdown table."""
    run, again, machine = document["from_nothing"], document["with_cache"], document["machine"]
    rows = [
        f"| {name}, {run['metrics']['count']} test photographs | {score['value']:.3f} "
        f"(95 % interval {score['low']:.3f} to {score['high']:.3f}) |"
        for name, score in (
            ("AUROC", run["metrics"]["auroc"]),
            ("sensitivity at the threshold", run["metrics"]["sensitivity"]),
            ("specificity at the threshold", run["metrics"]["specificity"]),
            ("Brier score", run["metrics"]["brier"]),
        )
    ]
    photographs = sum(sum(split.values()) for split in run["counts"].values())
    kind = f"{machine['cores']} cores, {machine['architecture']}"
    rows += [
        f"| {photographs} photographs to archive, from nothing ({kind}) "
        f"| {run['wall_seconds']:.0f} s |",
        f"| the same with the cache | {again['wall_seconds']:.0f} s |",
    ]
    return "\n".join(["| measured | |", "| --- | --- |", *rows])


def telemetry_table(document: dict[str, Any]) -> str:
    """Cost of the metrics as a Markdown table."""
    cost, times = document["cost_ms"], document["median_ms"]
    rows = [
        f"| cost of a request's metrics, median of {document['pairs']} pairs of requests "
        f"| {cost['median']:.2f} ms (95 % interval {cost['low']:.2f} to {cost['high']:.2f}) |",
        f"| a request with, and without | {times['emitting']:.1f} ms, {times['silent']:.1f} ms |",
    ]
    return "\n".join(["| measured | |", "| --- | --- |", *rows])


def thresholds_table(document: dict[str, Any]) -> str:
    """False alarms of the drift alerts in days of resampled traffic, as a Markdown table."""
    measured = document["measured"]
    rows = []
    for found in (measured["false_alarms"], *measured["false_alarms_elsewhere"]):
        rate = found["rate_a_day"]["either"]
        rows.append(
            f"| {found['photographs_per_hour']:.0f} | {found['baseline_photographs']} "
            f"| {found['days']} | {rate['value']:.2%} ({rate['low']:.2%} to {rate['high']:.2%}) |"
        )
    head = "| photographs an hour | in the baseline | days drawn | days with a false alarm |"
    return "\n".join([head, "| --- | --- | --- | --- |", *rows])


def power_table(document: dict[str, Any]) -> str:
    """What happens when a feature moves, as a Markdown table."""
    rows = [
        f"| {found['shift_in_standard_deviations']:g} | {window} "
        f"| {found[window]['median_index_of_a_full_window']:.2f} "
        f"| {found[window]['found_within_a_day']:.0%} "
        f"| {found[window]['median_hours_until_found']} |"
        for found in document["measured"]["power"]
        for window in document["windows"]
    ]
    head = "| shift, standard deviations | window | index | found in a day | hours, median |"
    return "\n".join([head, "| --- | --- | --- | --- | --- |", *rows])


TABLES: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "docs/results/training.json": training_table,
    "docs/results/telemetry.json": telemetry_table,
    "monitoring/thresholds.json": thresholds_table,
    "monitoring/thresholds.json power": power_table,
}


def filled(text: str, root: Path) -> str:
    """A page with its tables renewed.

    Raises:
        ValueError: it holds none.
    """
    found = 0
    for name, table in TABLES.items():
        marks = (re.escape(f"<!-- {name} -->"), "<!-- end -->")
        document = json.loads((root / name.partition(" ")[0]).read_text(encoding="utf-8"))
        new = table(document) + "\n"
        text, count = re.subn(
            rf"({marks[0]}\n)(?:.*?\n)??({marks[1]})",
            lambda part, new=new: part[1] + new + part[2],  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
        found += count
    if not found:
        raise ValueError(f"no table to fill: <!-- {next(iter(TABLES))} --> ... <!-- end -->")
    return text


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8"), Path()), encoding="utf-8")
    sys.exit(0)

"""Fill the tables of figures in the pages from the committed results.

No figure is typed by hand: a test compares the pages with this module's output.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from loadtests import decode_tables, explain_tables, model_tables
from loadtests.bench import report

PAGES: Final = tuple(
    map(
        Path,
        (
            "README.md",
            "docs/explanation/explanations.md",
            "docs/explanation/model.md",
            "docs/explanation/drift.md",
            "docs/explanation/life-of-a-request.md",
            "docs/how-to/access.md",
            "docs/how-to/gpu.md",
            "docs/how-to/monitoring.md",
            "docs/how-to/page.md",
            "docs/explanation/speed.md",
            "docs/explanation/limits.md",
            "docs/decisions/0015-bounded-decoder.md",
        ),
    )
)
"""Each holds, for a table, the result's path between ``<!--`` and ``-->``, and ``<!-- end -->``."""


def _of_two_columns(rows: list[str]) -> str:
    return "\n".join(["| measured | |", "| --- | --- |", *rows])


def telemetry_table(document: dict[str, Any]) -> str:
    """Table of the cost of the metrics."""
    cost, times = document["cost_ms"], document["median_ms"]
    rows = [
        f"| cost of a request's metrics, median of {document['pairs']} pairs of requests "
        f"| {cost['median']:.2f} ms (95 % interval {cost['low']:.2f} to {cost['high']:.2f}) |",
        f"| a request with, and without | {times['emitting']:.1f} ms, {times['silent']:.1f} ms |",
    ]
    return _of_two_columns(rows)


def access_table(document: dict[str, Any]) -> str:
    """What a lock costs, and what a flood of wrong keys does, as a Markdown table."""
    cost, flood = document["cost"], document["flood"]
    rows = [
        f"| a key ({cost['keys_in_the_file']} in the file), median of {cost['requests_of_each']:,} "
        f"pairs of requests | {cost['key_costs_p50_ms']:.2f} ms |",
        f"| a token (ES256), likewise | {cost['token_costs_p50_ms']:.2f} ms |",
        f"| a normal client's p95, alone and while one address sends {flood['wrong_keys']:,} wrong "
        f"keys ({flood['wrong_per_second']:.0f} a second) | {flood['alone_p95_ms']:.0f} ms, "
        f"{flood['flooded_p95_ms']:.0f} ms ({flood['times']:.2f} times) |",
        f"| 5xx meanwhile; what the log grew by | {flood['answered_5xx']}; "
        f"{flood['log_bytes'] / 1e6:.2f} MB |",
    ]
    return _of_two_columns(rows)


def thresholds_table(document: dict[str, Any]) -> str:
    """Table of false alarms of the drift alerts in days of resampled traffic."""
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
    """Table of the delay of drift alerts after a feature has shifted."""
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


def backends_table(document: dict[str, Any]) -> str:
    """Table of each backend on photographs of the train folder."""
    backends = document["from_nothing"]["backends"]
    lines = [
        "| backend | forward, ms | AUROC lost | labels changed | |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, found in backends["measured"].items():
        if "lacking" in found:
            lines.append(f"| {name} | | | | not measured: {found['lacking']} |")
            continue
        verdict = "kept" if found["passes"] else "changes the answers"
        lines.append(
            f"| {name} | {found['forward_ms']:.1f} | {found['auroc_loss']:.4f} "
            f"| {found['labels_changed']} of {found['photographs']} "
            f"| {'chosen' if name == backends['order'][0] else verdict} |"
        )
    return "\n".join(lines)


def overload_table(document: dict[str, Any]) -> str:
    """Table of the answers under ten times too many requests."""
    accepted, refused = document["accepted"], document["refused"]
    recovered = document["recovered_after_seconds"]
    rows = {
        "requests a second that it carries": f"{document['carried_per_second']:.0f}",
        f"sent, for {document['seconds']:.0f} s": f"{document['offered_per_second']:.0f} a second",
        "answered, p50 / p95 / longest": f"{accepted['count']}, {accepted['p50_ms']:.0f} / "
        f"{accepted['p95_ms']:.0f} / {accepted['largest_ms']:.0f} ms",
        "rejected with 503, p50 / p95": f"{refused['count']}, {refused['p50_ms']:.0f} / "
        f"{refused['p95_ms']:.0f} ms",
        "of these with `Retry-After`": str(document["refused_with_retry_after"]),
        "without an answer": str(document["without_an_answer"]),
        "as quick as before after": f"{recovered:.1f} s" if recovered is not None else "not seen",
    }
    return "\n".join(
        [
            "| measured | |",
            "| --- | --- |",
            *(f"| {name} | {text} |" for name, text in rows.items()),
        ]
    )


def loadtest_table(document: dict[str, Any]) -> str:
    """Table of the objectives of a load test."""
    lines = [
        f"| {document['shape']}, {document['seconds']:.0f} s | measured | objective | |",
        "| --- | --- | --- | --- |",
    ]
    for one in document["objectives"]:
        unit = "" if one["name"] == "error_rate" else " ms"
        found = "nothing" if one["found"] is None else f"{one['found']:g}{unit}"
        verdict = "met" if one["met"] else "missed"
        name = one["name"].replace("_", " ")
        lines.append(f"| {one['verb']} {name} | {found} | {one['wanted']:g}{unit} | {verdict} |")
    memory = document["worker_memory"]
    if memory:
        lines.append(
            f"| memory of the worker | {memory['median_mb']:.0f} MB, "
            f"{memory['slope_mb_per_hour']:+.1f} MB an hour | "
            f"| 95 % interval {memory['low']:+.1f} to {memory['high']:+.1f} |"
        )
    for name, found in document.get("process_memory", {}).items():
        if found:
            minute = {key: found[key] / 60 for key in ("slope_mb_per_hour", "low", "high")}
            lines.append(
                f"| memory of {name} | {found['median_mb']:.0f} MB, "
                f"{minute['slope_mb_per_hour']:+.2f} MB a minute | 0.2 MB a minute "
                f"| {minute['low']:+.2f} to {minute['high']:+.2f} |"
            )
    return "\n".join(lines)


def page_table(document: dict[str, Any]) -> str:
    """Table of the upload page's speed in a browser, and its weight."""
    photograph, weight = document["photograph"], document["weight_bytes"]
    size = f"{photograph['megapixels']:g} megapixels, {photograph['bytes'] / 1e6:.1f} MB"
    rows = [
        f"| from the drop to the {what}, p50 and p95 ({size}) "
        f"| {document[name]['p50_ms']:.0f} ms, {document[name]['p95_ms']:.0f} ms |"
        for name, what in (("answered", "answer"), ("explained", "explanation"))
    ]
    rows.append(f"| the page without pictures, uncompressed | {weight['all'] / 1000:.0f} kB |")
    return _of_two_columns(rows)


PARTS: Final = {
    "around": "the front, TorchServe's frontend, its connection to the worker",
    "decode": "decode: from the file to the model's input",
    "forward": "the network, to log-odds",
    "explain": "the attribution (`grad_cam`)",
    "render": "heat map and overlay as PNG",
    "rest": "JSON, probability, flags, drift bins, metrics",
}
"""Stages of a request in order, with descriptions."""


def request_table(document: dict[str, Any]) -> str:
    """Table of the milliseconds of one request."""
    kinds = ("predict", "explain", "predict_12_megapixels")
    rows = [
        f"| {what} | "
        + " | ".join(
            f"{document[kind]['parts_ms'][part]:.1f}" if part in document[kind]["parts_ms"] else ""
            for kind in kinds
        )
        + " |"
        for part, what in PARTS.items()
    ]
    total = " | ".join(f"**{document[kind]['mean_ms']:.1f}**" for kind in kinds)
    head = "| ms, mean | predict | explain | predict, 12 megapixels |"
    return "\n".join([head, "| --- | --- | --- | --- |", *rows, f"| **together** | {total} |"])


def front_table(document: dict[str, Any]) -> str:
    """Table of the overhead of the front."""
    front = document["front"]
    return "\n".join(
        [
            "| | through the front | around it |",
            "| --- | --- | --- |",
            f"| one client, p50 of {front['pairs']} requests each, alternating "
            f"| {front['with_p50_ms']:.1f} ms | {front['without_p50_ms']:.1f} ms |",
            f"| median of the differences | {front['median_difference_ms']:+.1f} ms | |",
            f"| {front['clients']} clients, requests a second "
            f"| {front['with_per_second']:.1f} | {front['without_per_second']:.1f} |",
        ]
    )


TABLES: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "docs/results/training.json headline": model_tables.headline_table,
    "docs/results/training.json time": model_tables.training_time_table,
    "docs/results/training.json backends": backends_table,
    "docs/results/report.json scores": model_tables.scores_table,
    "docs/results/report.json recipes": model_tables.recipes_table,
    "docs/results/report.json flags": model_tables.flags_table,
    "docs/results/report.json stress": model_tables.stress_table,
    "docs/results/features.json": model_tables.features_table,
    "docs/results/gpu.json": model_tables.gpu_table,
    "docs/results/explaining.json": explain_tables.served_table,
    "docs/results/explanations.json": explain_tables.evidence_table,
    "docs/results/explanations.json baselines": explain_tables.baselines_table,
    "docs/results/page.json": page_table,
    "docs/results/request.json": request_table,
    "docs/results/request.json front": front_table,
    "docs/results/access.json": access_table,
    "docs/results/telemetry.json": telemetry_table,
    "docs/results/bench.json": report.summary_table,
    "docs/results/bench.json throughput": report.throughput_table,
    "docs/results/bench.json servers": report.table,
    "docs/results/bench.json limit": report.limit_table,
    "docs/results/bench.json resources": report.resources_table,
    "docs/results/overload.json": overload_table,
    "docs/results/loadtest.json": loadtest_table,
    "docs/results/soak.json": loadtest_table,
    "docs/results/decoding.json": decode_tables.rows_table,
    "docs/results/decoding_heif.json": decode_tables.rows_table,
    "docs/results/decoding.json child": decode_tables.child_table,
    "monitoring/thresholds.json": thresholds_table,
    "monitoring/thresholds.json power": power_table,
}


def filled(text: str, root: Path) -> str:
    """Return a page with its tables updated.

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


def costs(root: Path) -> str:
    """Return the content of ``web/methods.json``."""
    served = json.loads((root / "docs/results/explaining.json").read_text(encoding="utf-8"))
    return explain_tables.page_costs(served)


if __name__ == "__main__":
    Path("web/methods.json").write_text(costs(Path()), encoding="utf-8")
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8"), Path()), encoding="utf-8")
    sys.exit(0)

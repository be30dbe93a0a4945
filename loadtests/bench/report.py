"""Markdown tables of the benchmark: each figure compared with this project's in the same run."""

from __future__ import annotations

from typing import Any, Final

from loadtests.bench import OURS

COLUMNS: Final = (
    ("predict small", "1", "p50_ms"),
    ("predict small", "1", "p95_ms"),
    ("predict small", "1", "per_second"),
    ("predict small", "8", "per_second"),
    ("predict small", "32", "per_second"),
    ("predict phone", "1", "p50_ms"),
    ("predict phone", "8", "per_second"),
    ("explain small", "1", "p50_ms"),
    ("explain small", "8", "per_second"),
)
"""Cell, clients and figure of each column."""


def ratio_to_limit(document: dict[str, Any]) -> float:
    """Served p50 of one client divided by decode and forward in one process; no unit."""
    served = document["servers"][OURS]["cells"]["predict small"]["1"]["p50_ms"]
    limit = document["in_process"]["small"]["both_ms"][document["backend"]]
    return float(served / limit)


def speed_up(document: dict[str, Any], backend: str) -> float:
    """Speed-up of a backend's forward pass over eager float32, as a ratio without a unit."""
    forward = document["in_process"]["small"]["forward_ms"]
    return float(forward["eager"] / forward[backend])


def table(document: dict[str, Any]) -> str:
    """Table of all servers."""
    names = [f"{cell}, {clients}, {_unit(figure)}" for cell, clients, figure in COLUMNS]
    lines = [
        "| server | " + " | ".join(names) + " |",
        "| --- |" + " --- |" * len(COLUMNS),
    ]
    ours = document["servers"][OURS]["cells"]
    for name, server in document["servers"].items():
        figures = []
        for cell, clients, figure in COLUMNS:
            own = server["cells"][cell][clients]
            value = own.get(figure) if own["answers"] else None
            figures.append(_figure(value, ours[cell][clients][figure], name == OURS, own))
        lines.append(f"| {server['title']} | " + " | ".join(figures) + " |")
    return "\n".join(lines)


def limit_table(document: dict[str, Any]) -> str:
    """Table of decode and forward without a server, for each backend."""
    small, phone = document["in_process"]["small"], document["in_process"]["phone"]
    lines = [
        "| backend | forward, ms | as fast as eager | decode + forward, ms | phone-size, ms |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, forward in small["forward_ms"].items():
        mark = " (chosen)" if name == document["backend"] else ""
        lines.append(
            f"| {name}{mark} | {forward:.1f} | {speed_up(document, name):.2f} times "
            f"| {small['both_ms'][name]:.1f} | {phone['both_ms'][name]:.1f} |"
        )
    return "\n".join(lines)


def resources_table(document: dict[str, Any]) -> str:
    """Table of start time and memory of each server."""
    lines = ["| server | start to first answer, s | memory, MB |", "| --- | --- | --- |"]
    for server in document["servers"].values():
        memory = ", ".join(f"{name} {size:.0f}" for name, size in server["memory_mb"].items())
        total = sum(server["memory_mb"].values())
        seconds = server["start_seconds"]
        lines.append(f"| {server['title']} | {seconds:.1f} | {total:.0f} ({memory}) |")
    return "\n".join(lines)


def summary_table(document: dict[str, Any]) -> str:
    """Table of the main results, each as one ratio."""
    machine = document["machine"]
    own = document["servers"][OURS]["cells"]
    ours, phone = own["predict small"], own["predict phone"]
    units = ", ".join(machine["vector_units"])
    lines = [
        "| measured | |",
        "| --- | --- |",
        f"| machine | {machine['cores']} cores, {machine['architecture']}, {units} |",
        f"| backend chosen for it | {document['backend']}, "
        f"{speed_up(document, document['backend']):.2f} times as fast as eager float32 |",
        f"| served predict, one client, p50 | {ours['1']['p50_ms']:.1f} ms, "
        f"{ratio_to_limit(document):.2f} times decode + forward in one process |",
        f"| a 12-megapixel photograph, one client, p50 | {phone['1']['p50_ms']:.1f} ms, "
        f"{phone['1']['p50_ms'] / ours['1']['p50_ms']:.2f} times a 300 x 300 one |",
    ]
    return "\n".join(lines)


def throughput_table(document: dict[str, Any]) -> str:
    """Table of the throughput of each server that answered eight clients."""
    cells = {
        server["title"]: server["cells"]["predict small"]["8"]
        for server in document["servers"].values()
    }
    ours = document["servers"][OURS]["cells"]["predict small"]["8"]["per_second"]
    lines = ["| server, 8 clients | requests a second | this project / server |"]
    lines += ["| --- | --- | --- |"]
    lines += [
        f"| {title} | {cell['per_second']:.1f} | {ours / cell['per_second']:.2f} |"
        for title, cell in cells.items()
        if cell["answers"]
    ]
    return "\n".join(lines)


def _unit(figure: str) -> str:
    return "req/s" if figure == "per_second" else f"{figure[:3]} ms"


def _figure(value: float | None, ours: float, own: bool, cell: dict[str, Any]) -> str:
    if value is None:
        return "no answer"
    failed = f", {cell['failures']} failed" if cell["failures"] else ""
    ratio = "" if own else f" ({value / ours:.2f})"
    return f"{value:.1f}{ratio}{failed}"

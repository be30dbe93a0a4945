"""Plot of the benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.peers.contenders import OURS

OWN: Final = "#2166ac"
OTHER: Final = "#9aa5b1"
INK: Final = "#333333"
PANELS: Final = (
    ("predict small", "1", "p50_ms", "Latency, one client", "ms, median (shorter is better)"),
    ("predict small", "8", "per_second", "Throughput, eight clients", "predictions a second"),
    ("predict small", "32", "per_second", "Throughput, 32 clients", "predictions a second"),
)


def draw(document: dict[str, Any], path: Path) -> None:
    """Write a PNG with one bar per server and the limit of one process as a line."""
    mpl.use("Agg")
    servers = document["servers"]
    titles = [server["title"] for server in servers.values()]
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), sharey=True, layout="constrained")
    limit = document["in_process"]["small"]["both_ms"][document["backend"]]
    for axis, (cell, clients, name, title, unit) in zip(axes, PANELS, strict=True):
        values = [server["cells"][cell][clients].get(name, 0.0) for server in servers.values()]
        colours = [OWN if key.startswith(OURS) else OTHER for key in servers]
        bars = axis.barh(titles, values, color=colours, height=0.62)
        clear = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axis.bar_label(bars, fmt="%.1f", padding=4, color=INK, fontsize=9, bbox=clear)
        bound = limit if name == "p50_ms" else 1000 / limit
        axis.axvline(bound, color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=0.5)
        axis.set_title(title, loc="left", fontsize=11, color=INK)
        axis.set_xlabel(unit, color=INK, fontsize=9)
        axis.set_xlim(0, max([*values, bound]) * 1.18)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(colors=INK, labelsize=9, left=False)
    axes[0].invert_yaxis()
    machine = document["machine"]
    figure.supxlabel(
        f"{document['model']}, 300 x 300 photographs, {machine['cores']} cores "
        f"({machine['architecture']}), backend {document['backend']}. Dashed: decode + forward in "
        "one process, no server.",
        fontsize=9,
        color=INK,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)

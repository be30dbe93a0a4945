"""Results as JSON, each with the kind of machine that its figures were measured on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np

FOLDER: Final = Path("benchmarks/results")
"""Folder of the committed results."""
VECTOR_UNITS: Final = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8")


def machine() -> dict[str, object]:
    """Describe usable cores, architecture and relevant vector units, but not which machine."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.is_file() else ""
    flags = set(text.partition("flags")[2].partition("\n")[0].split())
    return {
        "cores": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "vector_units": [unit for unit in VECTOR_UNITS if unit in flags],
        "python": platform.python_version(),
    }


def percentiles(milliseconds: Sequence[float], *percents: int, digits: int = 2) -> dict[str, float]:
    """Return percentiles by name, such as ``p50_ms``.

    Args:
        milliseconds: at least one.
        percents: which, of 100.
        digits: that they are rounded to.
    """
    values = np.percentile(milliseconds, percents)
    return {
        f"p{percent}_ms": round(float(value), digits)
        for percent, value in zip(percents, values, strict=True)
    }


def write(path: Path, result: Mapping[str, object]) -> None:
    """Write a result, whose values may be dataclasses, with a description of the machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": machine(), **result}
    path.write_text(json.dumps(document, indent=1, default=asdict) + "\n", encoding="utf-8")
    print(f"written to {path}", flush=True)

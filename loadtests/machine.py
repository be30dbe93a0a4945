"""Describe the kind of machine that a figure was measured on, without identifying it."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path


def kind() -> dict[str, object]:
    """Describe usable cores, architecture and relevant vector units."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.is_file() else ""
    flags = set(text.partition("flags")[2].partition("\n")[0].split())
    units = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "vector_units": [unit for unit in units if unit in flags],
        "python": platform.python_version(),
    }


def gpus() -> list[str]:
    """Return the names of the GPUs from NVIDIA's driver; empty without a driver."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [name.strip() for name in done.stdout.splitlines() if name.strip()]

"""``make benchmark NAME=training``: from nothing, with the cache, and `layer4`."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

TRAININGS: Final = {"head": ("from_nothing", "with_cache"), "layer4": ("layer4",)}
"""Names of the measurements, by recipe."""


def run(folder: Path, finetune: str = "head") -> dict[str, Any]:
    """Run ``python -m training`` once, with all its outputs in a folder."""
    variables = {
        "LESIONLENS_BUILD": str(folder / "build"),
        "LESIONLENS_CACHE": str(folder / "cache"),
        "LESIONLENS_ARCHIVE": str(folder / "store"),
        "LESIONLENS_FINETUNE": finetune,
    }
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "training"], env=os.environ | variables, check=True)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    summary: dict[str, Any] = json.loads((folder / "build" / "summary.json").read_text())
    del summary["example"]  # a path of this machine
    # On a host that shares the cores with others, the wall clock counts their work too.
    return {"wall_seconds": round(seconds, 1), "cpu_seconds": round(worked, 1), **summary}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the choice of one recipe."""
    parser.add_argument("--only", choices=TRAININGS, help="repeat the measurements of this recipe")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure three trainings, or those of one recipe again."""
    result: dict[str, Any] = {}
    if options.only:
        result = json.loads(options.output.read_text())
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as scratch:
        for recipe, names in TRAININGS.items():
            if options.only in (None, recipe):
                result |= {name: run(Path(scratch) / recipe, recipe) for name in names}
    for name, each in result.items():
        if name == "machine":
            continue
        print(f"{name} {each['wall_seconds']} s, {each['cpu_seconds']} s of work of all cores")
    return result

"""``make benchmark NAME=features``: time and memory of feature extraction.

Time is compared with the minimum, decoding and one forward pass per view. Memory is compared
between many synthetic pictures and a tenth of them. Each is measured in a separate process; an
interrupted one continues from its cache.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

LIMIT: Final = 1.3
"""Maximum ratio to the time of decoding and forward passes alone."""


def run(what: str, **options: object) -> Any:
    """Run ``python -m training.feature_cost`` and return its result."""
    command = [sys.executable, "-m", "training.feature_cost", what]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout) if done.stdout else None


def peak_of(count: int, scratch: Path) -> dict[str, Any]:
    """Measure memory over so many synthetic pictures, which another process draws."""
    folder = scratch / str(count)
    run("draw", photographs=count, folder=folder)
    measured: dict[str, Any] = run("memory", photographs=count, folder=folder)
    return measured


def document(timed: dict[str, Any], few: dict[str, Any], many: dict[str, Any]) -> dict[str, Any]:
    """Return the result: both measurements, and the memory per additional photograph."""
    more = many["photographs"] - few["photographs"]
    growth = {
        name: round(1000 * (many["peak_mb"][name] - few["peak_mb"][name]) / more, 2)
        for name in ("after_extraction", "after_search")
    }
    return {
        "time": {**timed, "limit": LIMIT, "met": timed["ratio"] <= LIMIT},
        "memory": {"few": few, "many": many, "kb_a_further_photograph": growth},
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add sizes and the folder."""
    parser.add_argument("--scratch", type=Path, default=Path("build/feature_cost"))
    parser.add_argument("--photographs", type=int, default=64, help="whose extraction is timed")
    parser.add_argument("--blocks", type=int, default=5, help="pairs of runs that are timed")
    parser.add_argument("--many", type=int, default=10_000, help="pictures for the memory")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure time, and memory of many pictures and of a tenth of them."""
    timed = run("time", photographs=options.photographs, blocks=options.blocks)
    few, many = (peak_of(count, options.scratch) for count in (options.many // 10, options.many))
    shutil.rmtree(options.scratch)  # The next measurement starts with an empty cache.
    print(f"{timed['ratio']} times decoding and forward passes alone (at most {LIMIT})")
    for found in (few, many):
        print(f"{found['photographs']} pictures: {found['peak_mb']['after_search']} MB at most")
    return document(timed, few, many)

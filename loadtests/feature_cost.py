"""``make measure-features``: what extracting features costs, in time and in memory.

Time against the least that any way of doing it needs, decoding and one forward pass a view. Memory
of extraction and near-duplicate search over many drawn pictures and over a tenth of them. Each is
measured in a process of its own; one that was interrupted goes on from its cache.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from loadtests.machine import kind

LIMIT: Final = 1.3
"""Of the time of decoding and forward passes alone."""


def run(what: str, **options: object) -> Any:
    """What ``python -m training.feature_cost`` prints."""
    command = [sys.executable, "-m", "training.feature_cost", what]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout) if done.stdout else None


def peak_of(count: int, scratch: Path) -> dict[str, Any]:
    """Memory over so many drawn pictures, which are drawn by another process."""
    folder = scratch / str(count)
    run("draw", photographs=count, folder=folder)
    measured: dict[str, Any] = run("memory", photographs=count, folder=folder)
    return measured


def document(timed: dict[str, Any], few: dict[str, Any], many: dict[str, Any]) -> dict[str, Any]:
    """The result: both measurements, and how much each further photograph takes."""
    more = many["photographs"] - few["photographs"]
    growth = {
        name: round(1000 * (many["peak_mb"][name] - few["peak_mb"][name]) / more, 2)
        for name in ("after_extraction", "after_search")
    }
    return {
        "machine": kind(),
        "time": {**timed, "limit": LIMIT, "met": timed["ratio"] <= LIMIT},
        "memory": {"few": few, "many": many, "kb_a_further_photograph": growth},
    }


def main() -> int:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results/features.json"))
    parser.add_argument("--scratch", type=Path, default=Path("build/feature_cost"))
    parser.add_argument("--photographs", type=int, default=64, help="whose extraction is timed")
    parser.add_argument("--blocks", type=int, default=5, help="pairs of runs that are timed")
    parser.add_argument("--many", type=int, default=10_000, help="pictures for the memory")
    given = parser.parse_args()
    timed = run("time", photographs=given.photographs, blocks=given.blocks)
    few, many = (peak_of(count, given.scratch) for count in (given.many // 10, given.many))
    result = document(timed, few, many)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(result, indent=1) + "\n")
    shutil.rmtree(given.scratch)  # whole: the next measurement begins with an empty cache
    print(f"{timed['ratio']} times decoding and forward passes alone (at most {LIMIT})")
    for found in (few, many):
        print(f"{found['photographs']} pictures: {found['peak_mb']['after_search']} MB at most")
    print(f"written to {given.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

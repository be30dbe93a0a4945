"""``make benchmark``: run one measurement by its name, or list the names.

A module has ``measure(options)``, which returns the result without the machine; if it takes options
of its own ``add_arguments(parser)``, and if it has limits ``failures(result)``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from loadtests import results

BENCHMARKS: Final = {
    "access": ("access", "cost of keys and tokens, and a flood of wrong keys (3 minutes)"),
    "decoding": ("decoding", "decoding cost of every kind of hostile file (4 minutes)"),
    "decoding_heif": ("decoding --heif", "the same for HEIC and AVIF, after `make setup HEIF=yes`"),
    "explaining": ("explaining", "served explanations compared with predictions (10 minutes)"),
    "explanations": ("reports explain-report", "evidence of every attribution method (30 minutes)"),
    "features": (
        "features",
        "feature extraction, its memory with 10,000 pictures (15 minutes)",
    ),
    "gpu": ("gpu", "FINETUNE=all with and without the GPU of this machine"),
    "page": ("page", "the upload page in Chromium, from a dropped photograph to its answer"),
    "peers": ("peers.comparison", "other servers of the same model compared (15 minutes)"),
    "report": ("reports report", "scores of the trained model, from its report"),
    "request": ("request", "parts of one request, and the overhead of the front"),
    "telemetry": ("telemetry", "requests with and without metrics"),
    "training": ("training", "training without a cache, with it, and layer4 (15 minutes)"),
}
"""By name, which is also the result's: module with its arguments, and what is measured."""


def main(arguments: Sequence[str]) -> int:
    """Return 0 after a measurement, 1 if it exceeds a limit, 2 if nothing could be measured."""
    name, *own = arguments or ("",)
    if name not in BENCHMARKS:
        print("make benchmark NAME=..., one of")
        print("\n".join(f"  {known:<14} {text}" for known, (_, text) in BENCHMARKS.items()))
        return 2 if name else 0
    module_name, *fixed = BENCHMARKS[name][0].split()
    benchmark: Any = import_module(f"benchmarks.{module_name}")
    parser = argparse.ArgumentParser(prog=f"benchmarks {name}", description=benchmark.__doc__)
    parser.add_argument("--output", type=Path, default=results.FOLDER / f"{name}.json")
    if hasattr(benchmark, "add_arguments"):
        benchmark.add_arguments(parser)
    options = parser.parse_args([*fixed, *own])
    try:
        result = benchmark.measure(options)
    except (FileNotFoundError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    results.write(options.output, result)
    failures = benchmark.failures(result) if hasattr(benchmark, "failures") else []
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""``make benchmark``: run one measurement by its name, or list the names.

A module has ``measure(options)``, which returns the result without the machine; if it takes options
of its own ``add_arguments(parser)``, and if it has limits ``failures(result)``. ``NAME --needs``
prints the targets that make builds first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

from loadtests import results
from serving.process import exit_when_terminated


class Benchmark(NamedTuple):
    """One measurement."""

    command: str
    """Module of this package, and its arguments."""
    description: str
    needs: tuple[str, ...] = ()
    """Targets of make that it needs."""


SERVED: Final = ("archive",)
BENCHMARKS: Final = {
    "access": Benchmark(
        "access", "cost of keys and tokens, and a flood of wrong keys (3 minutes)", SERVED
    ),
    "decoding": Benchmark("decoding", "decoding cost of every kind of hostile file (4 minutes)"),
    "decoding_heif": Benchmark(
        "decoding --heif", "the same for HEIC and AVIF, after `make setup HEIF=yes`"
    ),
    "estimation": Benchmark(
        "estimation", "performance estimated without diagnoses, against the true one", ("model",)
    ),
    "explaining": Benchmark(
        "explaining", "served explanations compared with predictions (10 minutes)", SERVED
    ),
    "explanations": Benchmark(
        "reports explain-report", "evidence of every attribution method (30 minutes)", ("model",)
    ),
    "features": Benchmark(
        "features", "feature extraction, its memory with 10,000 pictures (15 minutes)"
    ),
    "formats": Benchmark(
        "formats", "load time, memory and speed of TorchScript, torch.export and OpenVINO", SERVED
    ),
    "framing": Benchmark(
        "framing", "the model on photographs of much skin, framed and not (3 minutes)", ("model",)
    ),
    "gpu": Benchmark("gpu", "FINETUNE=all with and without the GPU of this machine"),
    "invariance": Benchmark(
        "invariance", "the penalty on what perturbations change, out-of-fold", ("model",)
    ),
    "memory": Benchmark(
        "memory", "memory of the whole service under both runtimes (6 minutes)", SERVED
    ),
    "orientations": Benchmark(
        "orientations",
        "fixed and adaptive numbers of orientations, out-of-fold (3 minutes)",
        ("model",),
    ),
    "page": Benchmark(
        "page",
        "the upload page in Chromium, from a dropped photograph to its answer",
        ("archive", "samples"),
    ),
    "peers": Benchmark(
        "peers.comparison", "other servers of the same model compared (25 minutes)", SERVED
    ),
    "receipts": Benchmark("receipts", "answers with and without a receipt (2 minutes)", SERVED),
    "recipes": Benchmark(
        "reports report --recipes", "recipes compared over several seeds (an hour)", ("model",)
    ),
    "report": Benchmark(
        "reports report", "scores of the trained model, from its report (2 minutes)", ("model",)
    ),
    "request": Benchmark("request", "parts of one request, and the overhead of the front", SERVED),
    "score": Benchmark(
        "score",
        "scores compared with served answers, and with the in-process limit (15 minutes)",
        SERVED,
    ),
    "similar_cases": Benchmark(
        "similar_cases", "labels of the most similar training photographs, and their cost", SERVED
    ),
    "stress": Benchmark(
        "stress", "labels that change under changes that must not matter (5 minutes)", ("model",)
    ),
    "telemetry": Benchmark("telemetry", "requests with and without metrics", SERVED),
    "variants": Benchmark(
        "variants", "served latency and throughput of each serving variant (5 minutes)", SERVED
    ),
    "training": Benchmark("training", "training without a cache, with it, and layer4 (15 minutes)"),
}
"""Measurements by name, which is also that of the result."""


def main(arguments: Sequence[str]) -> int:
    """Return 0 after a measurement, 1 if it exceeds a limit, 2 if nothing could be measured."""
    name, *own = arguments or ("",)
    if name not in BENCHMARKS:
        stream = sys.stderr if name else sys.stdout
        print("make benchmark NAME=..., one of", file=stream)
        for known, listed in BENCHMARKS.items():
            print(f"  {known:<14} {listed.description}", file=stream)
        return 2 if name else 0
    chosen = BENCHMARKS[name]
    if own == ["--needs"]:
        print(*chosen.needs)
        return 0
    module_name, *fixed = chosen.command.split()
    module: Any = import_module(f"benchmarks.{module_name}")
    parser = argparse.ArgumentParser(prog=f"benchmarks {name}", description=module.__doc__)
    parser.add_argument("--output", type=Path, default=results.FOLDER / f"{name}.json")
    if hasattr(module, "add_arguments"):
        module.add_arguments(parser)
    options = parser.parse_args([*fixed, *own])
    try:
        result = module.measure(options)
    except (FileNotFoundError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    results.write(options.output, result)
    failures = module.failures(result) if hasattr(module, "failures") else []
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    exit_when_terminated()
    sys.exit(main(sys.argv[1:]))

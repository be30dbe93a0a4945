"""``make benchmark NAME=formats``: load time, memory and speed of each format of the network.

Each backend is loaded in new processes, alternately with the others, from the same archive.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from serving.settings import ServingSettings

FORMATS: Final = {
    "fp32": ("model.pt",),
    "exported": ("model.pt2",),
    "openvino-fp32": ("openvino.xml", "openvino.bin"),
}
"""Files in the archive of each backend that is compared."""
PASSES: Final = 30
WARM: Final = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the number of rounds."""
    parser.add_argument("--rounds", type=int, default=5, help="new processes of each backend")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure each backend: medians over the rounds."""
    archive = (ServingSettings().archive / "melanoma.mar").resolve()
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as folder:
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
            sizes = {entry.filename: entry for entry in packed.infolist()}
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in FORMATS}
        for _ in range(options.rounds):
            for name, found in rounds.items():
                command = [sys.executable, "-m", "benchmarks.formats", name, folder]
                done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
                found.append(json.loads(done.stdout))
    return {
        "rounds": options.rounds,
        "formats": {
            name: {
                "megabytes": round(sum(sizes[file].file_size for file in files) / 1e6, 1),
                "packed_megabytes": round(
                    sum(sizes[file].compress_size for file in files) / 1e6, 1
                ),
                **{
                    figure: round(float(np.median([one[figure] for one in rounds[name]])), 2)
                    for figure in rounds[name][0]
                },
            }
            for name, files in FORMATS.items()
        },
    }


def loaded(name: str, folder: Path) -> dict[str, float]:
    """Load one backend in this process; return seconds, megabytes and milliseconds."""
    import psutil
    import torch

    from handlers import backends, threads
    from handlers.network import load_torchscript

    cores = threads.cores()
    torch.set_num_threads(cores)
    process = psutil.Process()
    before = process.memory_full_info().uss
    start, processor = time.perf_counter(), time.process_time()
    backend = backends.load(name, folder, load_torchscript(folder), cores)
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    photograph, taken = torch.zeros(1, 3, 224, 224), []
    with torch.inference_mode():
        for _ in range(WARM + PASSES):
            start = time.perf_counter()
            backend.run(photograph)
            taken.append(1000 * (time.perf_counter() - start))
    return {
        "load_seconds": seconds,
        "load_processor_seconds": processor,
        "memory_megabytes": (process.memory_full_info().uss - before) / 1e6,
        "forward_ms": float(np.median(taken[WARM:])),
    }


if __name__ == "__main__":
    print(json.dumps(loaded(sys.argv[1], Path(sys.argv[2]))))

"""Run every backend in a separate process on a processor that looks older.

``python -m tests.handlers.other_processor FOLDER INPUTS OUTPUTS``: of the archive in FOLDER, the
activations of each backend that runs, by its name. The instructions that a library uses are
chosen once a process, from its environment.
"""

import sys
from pathlib import Path

import torch

from handlers.backends import NAMES, UnavailableError, load
from handlers.network import load_torchscript


def main(folder: Path, inputs: Path, outputs: Path) -> None:
    """Write each backend's activations, and the reported capability of the processor."""
    model, photographs = load_torchscript(folder), torch.load(inputs)
    activations = {}
    for name in NAMES:
        try:
            backend = load(name, folder, model, threads=2)
        except UnavailableError:
            continue
        with torch.inference_mode():
            activations[name] = backend.run(photographs).clone()
    capability = torch.backends.cpu.get_cpu_capability()
    torch.save({"capability": capability, "activations": activations}, outputs)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

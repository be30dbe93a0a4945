"""``make benchmark NAME=gpu``: compare `FINETUNE=all` and the backends with and without a GPU.

On synthetic lesions: only the computation is compared, and no photograph leaves its machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from loadtests.results import machine

DRAWN: Final = {
    "LESIONLENS_DATA": "",
    "LESIONLENS_SYNTHETIC_TRAIN": "100",
    "LESIONLENS_SYNTHETIC_TEST": "60",
}
"""Pictures per class; without a GPU the run takes minutes."""
FITTING: Final = ("folds", "fit")
"""Steps that run on the GPU: three folds and the final fit."""


def run(folder: Path, *, hidden: bool) -> tuple[dict[str, Any], np.ndarray]:
    """Run ``python -m training train --finetune all``: its summary, and P(cancer), shape (m,).

    Args:
        folder: of cache and builds; a second run finds pictures and features of the first.
        hidden: show it no GPU.
    """
    build = folder / ("without" if hidden else "with")
    variables = {
        **DRAWN,
        "LESIONLENS_BUILD": str(build),
        "LESIONLENS_CACHE": str(folder / "cache"),
        "LESIONLENS_TRACKING": "",
    }
    if hidden:
        variables["CUDA_VISIBLE_DEVICES"] = ""
    command = [sys.executable, "-m", "training", "train", "--finetune", "all"]
    subprocess.run(command, env=os.environ | variables, check=True)
    card = json.loads((build / "model" / "card.json").read_text())
    summary = json.loads((build / "summary.json").read_text())
    with np.load(build / "answers.npz") as answers:
        return summary | {"versions": card["versions"]}, answers["test"]


def compared(folder: Path) -> dict[str, object]:
    """Compare both runs."""
    (with_gpu, answers), (without, other) = (run(folder, hidden=hidden) for hidden in (False, True))
    took = [sum(one["seconds"][step] for step in FITTING) for one in (with_gpu, without)]
    return {
        "versions": with_gpu["versions"],
        "counts": with_gpu["counts"],
        "fitting_seconds": {"with": round(took[0], 1), "without": round(took[1], 1)},
        "auroc": {
            name: {part: found["auroc"] for part, found in one["scores"].items()}
            for name, one in (("with", with_gpu), ("without", without))
        },
        "answers_correlation": round(float(np.corrcoef(answers, other)[0, 1]), 4),
        "labels_changed": int(
            np.sum((answers >= with_gpu["threshold"]) != (other >= without["threshold"]))
        ),
        "backends": with_gpu["backends"],
    }


def gpus() -> list[str]:
    """Return the names of the GPUs from NVIDIA's driver; empty without a driver."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [name.strip() for name in done.stdout.splitlines() if name.strip()]


def measure(_options: argparse.Namespace) -> dict[str, object]:
    """Compare both runs; the machine's description names its GPUs.

    Raises:
        RuntimeError: there is no GPU.
    """
    found = gpus()
    if not found:
        raise RuntimeError("nvidia-smi names no GPU on this machine")
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as scratch:
        return {"machine": machine() | {"gpus": found}, **compared(Path(scratch))}

"""``make measure-gpu``: compare `FINETUNE=all` and the backends with and without a GPU.

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

from loadtests.machine import gpus, kind

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


def compared(folder: Path) -> dict[str, Any]:
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


def main() -> int:
    """Measure and write the result; returns 2 without a GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results/gpu.json"))
    output: Path = parser.parse_args().output
    found = gpus()
    if not found:
        print("error: nvidia-smi names no GPU on this machine", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as scratch:
        result = {"machine": kind() | {"gpus": found}, **compared(Path(scratch))}
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["fitting_seconds"]))
    print(f"written to {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

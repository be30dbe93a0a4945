"""Folders of the checkout, an environment for processes that tests start, and the training."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from handlers.variants import PORTABLE, Variant

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
REAL = (SHARED / "lesions").is_dir() and (SHARED / "weights").is_dir()

FORCED: Final = {
    name: text for name in ("LESIONLENS_VARIANT",) if (text := os.environ.get(name, "").strip())
}
"""The serving variant that `LESIONLENS_VARIANT=... make test` forces, for servers in processes
that get none of a user's other settings."""
SERVED: Final = Variant.named(FORCED.get("LESIONLENS_VARIANT", PORTABLE.name))
"""Variant that the trained archive has and its servers run."""


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment without the user's settings."""
    return {name: text for name, text in environment.items() if not name.startswith("LESIONLENS_")}


def made_once(
    config: pytest.Config, factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]
) -> Path:
    """Folder of this run that the first of its processes to ask for it has filled."""
    base = factory.getbasetemp()
    folder = (base.parent if hasattr(config, "workerinput") else base) / name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").is_file():
            make(folder)
            (folder / "made").touch()
    return folder


def train(folder: Path, variant: str, **variables: str) -> str:
    """Run ``python -m training`` with ``build`` and ``store`` in a folder; returns what it said.

    Args:
        folder: where it writes.
        variant: serving variant that is fitted, besides plain TorchScript.
        variables: others of the environment.
    """
    own = {
        "LESIONLENS_BUILD": str(folder / "build"),
        "LESIONLENS_ARCHIVE": str(folder / "store"),
        "LESIONLENS_CACHE": str(ROOT / "build" / "cache"),
        # The other backends are tried in tests/handlers and tests/training.
        "LESIONLENS_BACKENDS": "openvino-fp32",
        "LESIONLENS_VARIANTS": variant,
        "LESIONLENS_PERTURBED": "8",
        # A training with its record is in tests/training; the record takes as long as a small one.
        "LESIONLENS_TRACKING": "",
    }
    if REAL:
        own["LESIONLENS_WEIGHTS"] = str(SHARED / "weights" / "resnet18-imagenet.pth")
    done = subprocess.run(
        [sys.executable, "-m", "training"],
        cwd=ROOT,
        env=without_settings(os.environ) | own | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr

"""Real photographs, some of them held out from training."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

EACH: Final = 200
"""Photographs of ``first`` and of ``second``."""
TRAINED: Final = 150
"""Photographs to train on."""


def kept_back(lesions: Path, folder: Path) -> Path:
    """Links in the Kaggle layout; of the training photographs 150, and 200 in ``first`` and
    ``second`` each.

    Both resemble the training photographs, because the classes stay mixed.
    """
    paths = sorted((lesions / "train").glob("*/*.jpg"))
    order = np.random.default_rng(0).permutation(len(paths))
    parts = np.split(order, [EACH, 2 * EACH, 2 * EACH + TRAINED])[:3]
    for split, part in zip(("first", "second", "train"), parts, strict=True):
        for place in part:
            link = folder / split / paths[place].parent.name / paths[place].name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(paths[place])
    (folder / "test").symlink_to(lesions / "test")
    return folder

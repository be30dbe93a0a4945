"""Splits that keep the photographs of one lesion in one part."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from training.dataset import CLASSES, DatasetError

Fold = tuple[np.ndarray, np.ndarray]
"""Training indices and held-out indices."""


def grouped(labels: np.ndarray, groups: np.ndarray, count: int, seed: int) -> list[Fold]:
    """Split into folds: groups kept together, classes balanced, each photograph held out once.

    Args:
        labels: 0 or 1, shape (n,).
        groups: number of the group of each photograph, shape (n,).
        count: of folds; fewer where a class has fewer groups.
        seed: of the shuffling.

    Raises:
        DatasetError: all photographs of a class are near-duplicates of each other.
    """
    lesions = [len(np.unique(groups[labels == label])) for label in (0, 1)]
    count = min(count, *lesions)
    splitter = StratifiedGroupKFold(max(count, 2), shuffle=True, random_state=seed)
    folds = list(splitter.split(labels, labels, groups)) if count > 1 else []
    if not folds or any(len(np.unique(labels[learn])) < 2 for learn, _ in folds):
        fewest = CLASSES[int(np.argmin(lesions))]
        raise DatasetError(
            f"the photographs of {fewest} show {min(lesions)} different lesions (the rest are "
            "near-duplicates, `make audit` names them): too few to hold some out; add others"
        )
    return folds


def held_out(labels: np.ndarray, groups: np.ndarray, share: float, seed: int) -> Fold:
    """Hold out about ``share`` of the photographs once, some of each class.

    Args:
        labels: 0 or 1, shape (n,).
        groups: number of the group of each photograph, shape (n,).
        share: above 0, at most a half.
        seed: of the shuffling.

    Raises:
        DatasetError: as for :func:`grouped`, or the near-duplicates lie so that no part has both
            classes.
    """
    for fold in grouped(labels, groups, max(2, round(1 / share)), seed):
        if len(np.unique(labels[fold[1]])) == 2:
            return fold
    raise DatasetError(
        "no part of the photographs can be held out that has both classes: too many of them are "
        "near-duplicates of each other, `make audit` names them; add others"
    )

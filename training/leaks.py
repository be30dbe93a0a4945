"""Leaks: near-duplicates within a split and between the splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from typing_extensions import TypedDict

from training import near_duplicates
from training.dataset import CLASSES, Dataset, Photograph, Progress
from training.features import Features
from training.near_duplicates import Pair, ViewsOf


class ListedPair(TypedDict):
    """Two photographs that show the same lesion."""

    files: list[str]
    """Folder, class and file name of both."""
    correlation: float
    likeness: float
    labels_contradict: bool


class NearDuplicates(TypedDict):
    """``near_duplicates.json``: counts, thresholds, and each pair."""

    photographs: int
    pairs: int
    groups: int
    """Groups of photographs of one lesion."""
    in_groups: int
    """Photographs in these groups."""
    pairs_across_train_and_test: int
    pairs_with_contradicting_labels: int
    test_photographs_left_out: int
    """Of the scores without leaks."""
    thresholds: dict[str, float]
    """Above which two photographs are near-duplicates."""
    listed: list[ListedPair]
    """Pairs across the folders first."""


@dataclass(frozen=True)
class Leaks:
    """Near-duplicates among the photographs of both splits."""

    photographs: tuple[Photograph, ...]
    """Photographs of ``test``, then those of ``train``; pairs are indices into it."""
    pairs: tuple[Pair, ...]
    test: int
    """Number of photographs of ``test``."""

    @property
    def free(self) -> np.ndarray:
        """Test photographs that give a score without leaks, bool of shape (m,).

        None of them is a near-duplicate of a photograph of ``train``, and only one per lesion is
        kept.
        """
        groups = near_duplicates.groups(len(self.photographs), self.pairs)
        taken = set(groups[self.test :])
        kept = np.zeros(self.test, dtype=bool)
        for place, group in enumerate(groups[: self.test]):
            kept[place] = group not in taken
            taken.add(group)
        return kept

    def to_json(self) -> NearDuplicates:
        """Counts, thresholds, and each pair with its files; pairs across the folders first."""
        sizes = np.bincount(near_duplicates.groups(len(self.photographs), self.pairs))
        listed = [self._listed(pair) for pair in self.pairs]
        across = [one for one, pair in zip(listed, self.pairs, strict=True) if self._across(pair)]
        within = [one for one in listed if one not in across]
        return {
            "photographs": len(self.photographs),
            "pairs": len(self.pairs),
            "groups": int((sizes > 1).sum()),
            "in_groups": int(sizes[sizes > 1].sum()),
            "pairs_across_train_and_test": len(across),
            "pairs_with_contradicting_labels": sum(one["labels_contradict"] for one in listed),
            "test_photographs_left_out": int((~self.free).sum()),
            "thresholds": {
                "correlation": near_duplicates.CORRELATION,
                "likeness": near_duplicates.LIKENESS,
                "correlation_alone": near_duplicates.SURE,
            },
            "listed": across + within,
        }

    def name(self, place: int) -> str:
        """Return folder, class and file name; invalid text is escaped."""
        photo = self.photographs[place]
        split = "test" if place < self.test else "train"
        name = f"{split}/{CLASSES[photo.label]}/{photo.path.name}"
        return name.encode("utf-8", "backslashreplace").decode()

    def _listed(self, pair: Pair) -> ListedPair:
        labels = {self.photographs[place].label for place in (pair.first, pair.second)}
        return {
            "files": [self.name(pair.first), self.name(pair.second)],
            "correlation": round(pair.correlation, 3),
            "likeness": round(pair.likeness, 3),
            "labels_contradict": len(labels) == 2,
        }

    def _across(self, pair: Pair) -> bool:
        return pair.first < self.test <= pair.second


def between(
    found: Dataset,
    test: Features,
    train: Features,
    within_train: Sequence[Pair],
    views_of: ViewsOf,
    progress: Progress,
) -> Leaks:
    """Compare the test photographs with all others; those of ``train`` are compared already.

    Args:
        found: the photographs.
        test: features of the test folder.
        train: features of the train folder.
        within_train: pairs of places in ``train``, from :func:`training.near_duplicates.find`.
        views_of: gives views by the place in ``Leaks.photographs``.
        progress: called with (what, done, total).
    """
    count = len(found.test)
    small = np.concatenate([test.small, train.small])
    plain = np.concatenate([test.plain, train.plain])
    pairs = near_duplicates.find(small, plain, views_of, progress, first=count)
    moved = [
        Pair(pair.first + count, pair.second + count, pair.correlation, pair.likeness)
        for pair in within_train
    ]
    return Leaks(every(found), (*pairs, *moved), count)


def every(found: Dataset) -> tuple[Photograph, ...]:
    """Return the photographs of ``test``, then those of ``train``."""
    return (*found.test, *found.train)

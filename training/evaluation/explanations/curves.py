"""Deletion and insertion (Petsiuk et al. 2018).

The change of the score when the regions with the largest attribution are removed, or are the only
ones left. A removed region is replaced by a blurred copy, not by black, which would be unlike the
training data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch.nn import functional

from handlers.explainers.pixels import blurred, upsampled
from handlers.imaging import SIDE
from training.cache import Arrays
from training.evaluation.explanations.subjects import Explained, Subject

GRID: Final = 28
"""Grid cells on each side, as in the finest map of a method."""
STEPS: Final = 16
"""Steps of 49 cells each."""
SHARES: Final = np.linspace(0, 1, STEPS + 1)
"""Shares of the cells that are replaced, or shown."""

MEASURES: Final = ("deletion", "insertion")

_TIES: Final = np.random.default_rng(0).permutation(GRID**2)


@dataclass(frozen=True)
class Curves:
    """Probability of the explained class at each of ``SHARES``.

    Shapes (17,) for one photograph, (n, 17) for n.
    """

    deletion: np.ndarray
    insertion: np.ndarray

    @classmethod
    def stacked(cls, rows: Sequence[Curves]) -> Curves:
        """Stack the curves of single photographs."""
        return cls(*(np.stack([getattr(row, one) for row in rows]) for one in MEASURES))

    def areas(self, name: str) -> np.ndarray:
        """Compute the area under ``deletion`` or ``insertion`` of each photograph; shape (n,)."""
        return np.asarray(np.trapezoid(getattr(self, name), SHARES, axis=1))


def on_grid(values: np.ndarray) -> np.ndarray:
    """Resample a map of shape (h, w) to 28 x 28 cells: bilinear from coarser, mean from finer."""
    if len(values) <= GRID:
        return values if len(values) == GRID else upsampled(values, GRID)
    grid = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None]
    return np.asarray(functional.adaptive_avg_pool2d(grid, GRID)[0].numpy())


def ranks(values: np.ndarray) -> np.ndarray:
    """Rank the cells by attribution, 0 for the largest.

    Ties are ordered by a fixed permutation: row by row, a map with plateaus would seem to point to
    the top of the picture.

    Args:
        values: shape (28, 28).

    Returns:
        Numbers 0 to 783, shape (28, 28).
    """
    order = np.lexsort((_TIES, -values.ravel().astype(np.float64)))
    found = np.empty(values.size, dtype=np.int64)
    found[order] = np.arange(values.size)
    return found.reshape(values.shape)


def curves(
    score: Callable[[torch.Tensor], np.ndarray],
    inputs: torch.Tensor,
    blank: torch.Tensor,
    values: np.ndarray,
    ends: tuple[float, float],
) -> Curves:
    """Compute both curves of one map; 30 passes.

    Args:
        score: probability of the explained class for inputs of shape (1, 3, 224, 224), shape (1,).
        inputs: the photograph, shape (1, 3, 224, 224).
        blank: what replaces it, same shape.
        values: the map, shape (h, w).
        ends: score of the photograph and of what replaces it, the same for every map.
    """
    order = torch.from_numpy(ranks(on_grid(values)))
    cell = SIDE // GRID
    deletion, insertion = [ends[0]], [ends[1]]
    for count in np.rint(SHARES[1:-1] * GRID**2).astype(int):
        important = (order < int(count)).repeat_interleave(cell, 0).repeat_interleave(cell, 1)
        deletion.append(float(score(torch.where(important, blank, inputs))[0]))
        insertion.append(float(score(torch.where(important, inputs, blank))[0]))
    return Curves(np.asarray([*deletion, ends[1]]), np.asarray([*insertion, ends[0]]))


class Replacing:
    """One photograph, and the blurred copy whose regions replace its own."""

    def __init__(self, explained: Explained, subject: Subject) -> None:
        """Take the model and the subject."""
        self._explained, self._subject = explained, subject
        self._blank = blurred(subject.inputs)
        self._ends: tuple[float, float] | None = None

    def curves(self, name: str, values: np.ndarray) -> Curves:
        """Compute both curves of a map.

        Args:
            name: of the map.
            values: shape (h, w).
        """

        def compute() -> Arrays:
            if self._ends is None:  # two passes for all maps, and none if all are cached
                inputs = self._subject.inputs
                self._ends = float(self._score(inputs)[0]), float(self._score(self._blank)[0])
            found = curves(self._score, self._subject.inputs, self._blank, values, self._ends)
            return found.deletion, found.insertion

        return Curves(*self._explained.kept.get(f"curves/{self._subject.name}-{name}", compute))

    def _score(self, inputs: torch.Tensor) -> np.ndarray:
        return self._explained.probability(inputs, self._subject.target)

"""Perturbation curves of every map of one photograph, each computed once."""

from __future__ import annotations

import numpy as np
import torch

from handlers.explainers.pixels import blurred
from training.explaining.curves import Curves, curves
from training.explaining.subjects import Explained, Subject
from training.result_cache import ResultCache


class Replacing:
    """One photograph, and the blurred copy whose regions replace its own."""

    def __init__(self, explained: Explained, subject: Subject, kept: ResultCache) -> None:
        """Take the model, the subject and the cache."""
        self._explained, self._subject, self._kept = explained, subject, kept
        self._blank = blurred(subject.inputs)
        self._ends: tuple[float, float] | None = None

    def curves(self, name: str, values: np.ndarray) -> Curves:
        """Compute both curves of a map.

        Args:
            name: of the map.
            values: shape (h, w).
        """

        def compute() -> dict[str, np.ndarray]:
            if self._ends is None:  # two passes for all maps, and none if all are cached
                inputs = self._subject.inputs
                self._ends = float(self._score(inputs)[0]), float(self._score(self._blank)[0])
            found = curves(self._score, self._subject.inputs, self._blank, values, self._ends)
            return {"deletion": found.deletion, "insertion": found.insertion}

        arrays = self._kept.get(f"curves/{self._subject.name}-{name}", compute)
        return Curves(arrays["deletion"], arrays["insertion"])

    def _score(self, inputs: torch.Tensor) -> np.ndarray:
        return self._explained.probability(inputs, self._subject.target)

"""Predictions of the trained model for every photograph, kept for the report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from handlers.card import Scores
from training.files import atomic_write
from training.scores import evaluate


@dataclass(frozen=True)
class Answers:
    """Calibrated probabilities of both splits, in the order of their digests."""

    train: np.ndarray
    """Out-of-fold P(cancer) of the photographs of ``train``, shape (n,)."""
    distance: np.ndarray
    """Distance of the same photographs to the features that their model was fitted on, shape
    (n,)."""
    train_labels: np.ndarray
    """0 or 1, shape (n,)."""
    test: np.ndarray
    """P(cancer) of the photographs of ``test``, by the final model, shape (m,)."""
    test_labels: np.ndarray
    """0 or 1, shape (m,)."""
    leak_free: np.ndarray
    """Test photographs that give a score without leaks, bool of shape (m,)."""

    def scores(self, threshold: float, seed: int) -> dict[str, Scores]:
        """Scores on ``test``, ``test_leak_free``, and ``out_of_sample``: the train folder.

        Args:
            threshold: P(cancer) from which the label is ``cancer``.
            seed: of the resampling.
        """
        free = self.leak_free
        parts = {
            "test": (self.test, self.test_labels),
            "test_leak_free": (self.test[free], self.test_labels[free]),
            "out_of_sample": (self.train, self.train_labels),
        }
        return {
            name: evaluate(probabilities.round(6), labels, threshold, seed)
            for name, (probabilities, labels) in parts.items()
            if len(np.unique(labels)) == 2  # there may be no photographs without leaks
        }

    def write(self, path: Path) -> None:
        """Write all arrays to one file."""
        with atomic_write(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **asdict(self))

    @classmethod
    def read(cls, file: Path | BinaryIO) -> Answers:
        """Read a file written by :meth:`write`.

        Raises:
            OSError: there is no such file.
        """
        with np.load(file, allow_pickle=False) as kept:
            return cls(**{name: kept[name] for name in kept.files})

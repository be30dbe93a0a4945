"""Final layers of the serving variants of a fine-tuned network.

Features that were fine-tuned on a photograph know its label: a final layer that is fitted on them
afterwards trusts them too much. So the fine-tuned part keeps the final layer that was fitted
together with it, on other numerics and orientations too; only the frozen part gets one that is
fitted on the variant's own features. As in the recipe, the log-odds are the mean of both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.head import Head


@dataclass(frozen=True)
class Tuned:
    """The fine-tuned part of a network: which features are its own, and its final layer."""

    head: Head
    """Fitted together with the part."""
    start: int
    """Index of its first feature."""
    frozen: bool
    """Whether the other features are those of the frozen network; else they are not used."""

    def others(self, features: int) -> np.ndarray:
        """Return the indices of the frozen features, shape (m,); none without a frozen part.

        Args:
            features: number of all features.
        """
        own = np.arange(self.start, self.start + len(self.head.weights))
        return np.setdiff1d(np.arange(features if self.frozen else 0), own)

    def combined(self, own: Head | None, features: int) -> Head:
        """Return a final layer on all features, whose log-odds are the mean of both layers'.

        Args:
            own: fitted on the frozen features; None without them.
            features: number of all features.
        """
        weights = np.zeros(features)
        weights[self.start : self.start + len(self.head.weights)] = self.head.weights
        if own is None:
            return Head(weights, self.head.bias)
        weights[self.others(features)] = own.weights
        return Head(weights / 2, (own.bias + self.head.bias) / 2)

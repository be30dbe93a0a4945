"""The trained model, used as the service uses it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from handlers import threads
from handlers.classifier import Classifier
from handlers.prediction import Decision


class Served:
    """A serving variant of a model folder, as this machine serves it."""

    def __init__(self, folder: Path, variant: str = "") -> None:
        """Load the output of a training.

        Args:
            folder: of the trained model.
            variant: name of the serving variant; by default the one that this machine serves.

        Raises:
            ArchiveError: a file is missing or cannot be read, or there is no such variant.
        """
        self.classifier = Classifier.load(folder, "", threads.cores(), variant)

    def decide(self, pictures: Iterable[Image.Image]) -> list[Decision]:
        """Predict decoded RGB pictures, in their order; holds a few at a time."""
        return [
            one.decision
            for one in self.classifier.classify(map(self.classifier.preprocess, pictures))
        ]


def probabilities(decisions: Sequence[Decision]) -> np.ndarray:
    """Compute calibrated P(cancer), shape (n,)."""
    return np.asarray([decision.probability for decision in decisions])


def flagged(decisions: Sequence[Decision], *reasons: str) -> np.ndarray:
    """Whether each answer has one of the reasons for review, bool of shape (n,)."""
    return np.asarray([bool(set(reasons) & set(one.reasons)) for one in decisions], dtype=bool)

"""What a forward pass gives, and what is decided from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from handlers.imaging import PreprocessedImage
from handlers.orientations import Orientation


def risk(probability: float, prevalence: float) -> float:
    """Convert a probability at equal classes to another prevalence, by Bayes' rule.

    Args:
        probability: of cancer, where cancer is as common as its absence.
        prevalence: share of cancers, above 0 and below 1.

    Returns:
        The probability of cancer at that prevalence, rounded to six digits.
    """
    cancer, benign = probability * prevalence, (1 - probability) * (1 - prevalence)
    return round(cancer / (cancer + benign), 6)


@dataclass(frozen=True)
class Forward:
    """One forward pass over n photographs."""

    activations: torch.Tensor
    """Before pooling, float32 of shape (n, width, h, w): the mean over the orientations, each
    mapped back. 512 x 7 x 7 for the last stage at 224 px, 1024 wide with a fitted `layer4`;
    768 x 14 x 14 for the last two stages."""
    logits: torch.Tensor
    """float32 of shape (n, 2), before calibration."""
    each: torch.Tensor | None = None
    """Logits of each orientation, float32 of shape (n, orientations, 2)."""
    orientations: tuple[Orientation, ...] = ()
    """Canonical orientation of each photograph, where the variant has one."""

    def row(self, index: int) -> Forward:
        """Return the pass of one photograph."""
        one = slice(index, index + 1)
        each = None if self.each is None else self.each[one]
        return Forward(self.activations[one], self.logits[one], each, self.orientations[one])

    @property
    def features(self) -> np.ndarray:
        """The pooled activations, shape (n, width)."""
        return np.asarray(self.activations.mean(dim=(2, 3)).numpy())


@dataclass(frozen=True)
class Decision:
    """The prediction for one photograph."""

    probability: float
    label: int
    review: bool
    reasons: tuple[str, ...]
    distance: float
    """Distance to the training features, from :class:`handlers.reference.Reference`; 0 to 2, no
    unit."""


@dataclass(frozen=True)
class ClassifiedImage:
    """One photograph with its prediction."""

    image: PreprocessedImage
    forward: Forward
    """The photograph's row of the forward pass, n = 1."""
    decision: Decision

    @property
    def measurements(self) -> dict[str, float]:
        """Image statistics, probability and distance: among them every drift feature."""
        decision = self.decision
        measured = {"probability": decision.probability, "distance": decision.distance}
        return self.image.statistics | measured

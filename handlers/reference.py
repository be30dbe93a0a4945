"""Distance of a photograph to the training data, in the space of the pooled features.

Deep nearest neighbours (Sun et al. 2022): one minus the cosine similarity to the third nearest of
up to two thousand training photographs. A small distance only means that similar photographs were
in the training data. A Gaussian model of the training data was tried before: it accepted most
noise, many pictures without skin, and nearly all blurred or over-exposed ones.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

import numpy as np

NEIGHBOUR: Final = 3
"""Which neighbour counts. The first would trust a single unusual training photograph; the tenth
would miss what is rare in the training data, such as a view through a tube."""
KEPT: Final = 2000
"""Maximum number of training photographs in the archive: 2 MB."""


@dataclass(frozen=True)
class EncodedFeatures:
    """Features of training photographs as ``baseline.json`` has them."""

    shape: tuple[int, int]
    """Photographs, and features of each."""
    float16: str
    """The features in half precision, little-endian, as base64."""

    def decoded(self) -> Reference:
        """Return the features; raises ValueError if they are damaged."""
        data = base64.b64decode(self.float16, validate=True)
        return Reference(np.frombuffer(data, "<f2").reshape(self.shape).astype(np.float32))


@dataclass(frozen=True)
class Reference:
    """Features of training photographs, normalised to length one."""

    features: np.ndarray
    """float32 of shape (m, width), in steps of half precision."""

    @classmethod
    def fit(cls, features: np.ndarray) -> Reference:
        """Take features of shape (n, width), thinned out evenly if there are too many."""
        places = np.linspace(0, len(features) - 1, min(len(features), KEPT)).round().astype(int)
        return cls(_unit(features[places]).astype(np.float16).astype(np.float32))

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Compute the distances of features of shape (n, width), shape (n,), 0 to 2."""
        nth = min(NEIGHBOUR, len(self.features))
        # Row by row: a matrix product rounds differently for different numbers of rows.
        alike = [self.features @ row for row in _unit(features)]
        return np.asarray([1 - np.partition(row, -nth)[-nth] for row in alike], dtype=np.float64)

    def encoded(self) -> EncodedFeatures:
        """Encode in half precision, for ``baseline.json``."""
        halves = self.features.astype("<f2")
        text = base64.b64encode(halves.tobytes()).decode("ascii")
        return EncodedFeatures((len(halves), halves.shape[1]), text)


def _unit(features: np.ndarray) -> np.ndarray:
    rows = np.asarray(features, dtype=np.float32)
    lengths = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return np.asarray(rows / np.maximum(lengths, 1e-12))

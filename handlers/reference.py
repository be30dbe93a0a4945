"""Distance of a photograph to the training data, in the space of the pooled features.

Deep nearest neighbours (Sun et al. 2022): one minus the cosine similarity to the third nearest of
up to two thousand training photographs. A small distance only means that similar photographs were
in the training data. A Gaussian model of the training data was tried before: it accepted most
noise, many pictures without skin, and nearly all blurred or over-exposed ones.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

NEIGHBOUR: Final = 3
"""Which neighbour counts. The first would trust a single unusual training photograph; the tenth
would miss what is rare in the training data, such as a view through a tube."""
KEPT: Final = 2000
"""Maximum number of training photographs in the archive: 2 MB."""


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

    def to_json(self) -> dict[str, Any]:
        """Encode in half precision as base64, for ``baseline.json``."""
        halves = self.features.astype("<f2")
        return {
            "shape": list(halves.shape),
            "float16": base64.b64encode(halves.tobytes()).decode("ascii"),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Reference:
        """Read a document written by :meth:`to_json`."""
        data = base64.b64decode(document["float16"], validate=True)
        halves = np.frombuffer(data, "<f2").reshape(document["shape"])
        return cls(halves.astype(np.float32))


def _unit(features: np.ndarray) -> np.ndarray:
    rows = np.asarray(features, dtype=np.float32)
    lengths = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return np.asarray(rows / np.maximum(lengths, 1e-12))

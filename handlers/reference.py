"""How far a photograph lies from the training data, in the space of the pooled features.

Deep nearest neighbours (Sun et al. 2022): one minus the cosine to the third nearest of up to two
thousand training photographs. It asks only that something alike was learned from. A Gaussian around
the training data, whose place this took, lets most noise and much without skin pass, and nearly all
that is blurred or over-exposed.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

NEIGHBOUR: Final = 3
"""Which of the nearest. The first would trust a single odd photograph of the training data; the
tenth does not know what is rare in it, such as a view through a tube."""
KEPT: Final = 2000
"""Training photographs in the archive, at most: 2 MB."""


@dataclass(frozen=True)
class Reference:
    """Features of training photographs, each of length one."""

    features: np.ndarray
    """float32 of shape (m, width), in steps of half precision."""

    @classmethod
    def fit(cls, features: np.ndarray) -> Reference:
        """Take features of shape (n, width), evenly over all where there are more than enough."""
        places = np.linspace(0, len(features) - 1, min(len(features), KEPT)).round().astype(int)
        return cls(_unit(features[places]).astype(np.float16).astype(np.float32))

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Distance of features of shape (n, width) to the training data, shape (n,), 0 to 2."""
        nth = min(NEIGHBOUR, len(self.features))
        # Row by row: a product of matrices rounds otherwise with the number of its rows.
        alike = [self.features @ row for row in _unit(features)]
        return np.asarray([1 - np.partition(row, -nth)[-nth] for row in alike], dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        """Half precision as base64, for ``baseline.json``."""
        halves = self.features.astype("<f2")
        return {
            "shape": list(halves.shape),
            "float16": base64.b64encode(halves.tobytes()).decode("ascii"),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Reference:
        """The inverse of :meth:`to_json`."""
        data = base64.b64decode(document["float16"], validate=True)
        halves = np.frombuffer(data, "<f2").reshape(document["shape"])
        return cls(halves.astype(np.float32))


def _unit(features: np.ndarray) -> np.ndarray:
    rows = np.asarray(features, dtype=np.float32)
    lengths = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return np.asarray(rows / np.maximum(lengths, 1e-12))

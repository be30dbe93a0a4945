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
    labels: str = ""
    """Class of each photograph, one digit each; empty in an archive from before they were kept."""

    def decoded(self) -> Reference:
        """Return the features and labels; raises ValueError if they are damaged."""
        data = base64.b64decode(self.float16, validate=True)
        features = np.frombuffer(data, "<f2").reshape(self.shape).astype(np.float32)
        if not self.labels:
            return Reference(features)
        if len(self.labels) != len(features) or set(self.labels) - set("01"):
            raise ValueError("the labels of the training photographs are not a 0 or 1 for each")
        return Reference(features, np.array([int(digit) for digit in self.labels], dtype=np.int64))


@dataclass(frozen=True)
class Reference:
    """Features of training photographs, normalised to length one."""

    features: np.ndarray
    """float32 of shape (m, width), in steps of half precision."""
    labels: np.ndarray | None = None
    """0 or 1, shape (m,); None where they are not known."""

    @classmethod
    def fit(cls, features: np.ndarray, labels: np.ndarray | None = None) -> Reference:
        """Keep evenly spread training photographs, if there are too many.

        Args:
            features: of shape (n, width).
            labels: 0 or 1, shape (n,), where they are wanted.
        """
        places = kept(len(features))
        unit = _unit(features[places]).astype(np.float16).astype(np.float32)
        return cls(unit, None if labels is None else np.asarray(labels)[places])

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Compute the distances of features of shape (n, width), shape (n,), 0 to 2."""
        nth = min(NEIGHBOUR, len(self.features))
        # Row by row: a matrix product rounds differently for different numbers of rows.
        alike = [self.features @ row for row in _unit(features)]
        return np.asarray([1 - np.partition(row, -nth)[-nth] for row in alike], dtype=np.float64)

    def nearest(self, features: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the training photographs that one photograph is most like.

        Args:
            features: of shape (width,).
            count: how many are wanted.

        Returns:
            Their places among the photographs kept, and their distances (0 to 2, nearest first),
            each of shape (``count``,), or fewer where fewer are kept.
        """
        distances = 1 - self.features @ _unit(features[None])[0]
        places = np.argsort(distances, kind="stable")[:count]
        return places, distances[places].astype(np.float64)

    def encoded(self) -> EncodedFeatures:
        """Encode in half precision, for ``baseline.json``."""
        halves = self.features.astype("<f2")
        text = base64.b64encode(halves.tobytes()).decode("ascii")
        labels = "" if self.labels is None else "".join(str(int(label)) for label in self.labels)
        return EncodedFeatures((len(halves), halves.shape[1]), text, labels)


def kept(count: int) -> np.ndarray:
    """Return the places of the training photographs that an archive describes, evenly spread.

    Args:
        count: photographs of the train folder.

    Returns:
        int of shape (m,), rising; m is at most ``KEPT``.
    """
    return np.linspace(0, count - 1, min(count, KEPT)).round().astype(int)


def _unit(features: np.ndarray) -> np.ndarray:
    rows = np.asarray(features, dtype=np.float32)
    lengths = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return np.asarray(rows / np.maximum(lengths, 1e-12))

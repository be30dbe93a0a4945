"""Show the training photographs that a photograph is most like, with their labels.

An explanation by examples instead of a map (Caruana et al. 1999): the nearest training photographs
in the features that the variant itself computes, by cosine similarity, as Captum's
``SimilarityInfluence`` ranks them. The features are in the archive, so nothing is computed but a
product of matrices.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from handlers.answers import Case, CasesFields
from handlers.card import Card
from handlers.documents import parse
from handlers.reference import Reference

SIMILAR_CASES: Final = "similar_cases"
"""Name of the method in a request."""
COUNT: Final = 5
"""Training photographs that an answer shows."""
FILE: Final = "thumbnails.json"
"""Name of the thumbnails' document in the archive."""


class NoLabelsError(RuntimeError):
    """The archive does not say what its training photographs show; the message says what to do."""


@dataclass(frozen=True)
class Thumbnails:
    """Document of ``thumbnails.json``: small pictures of the training photographs that are kept."""

    side: int
    """Pixels per side."""
    jpeg: list[str]
    """A JPEG of each, as base64, in the order of the features in ``baseline.json``."""


class SimilarCases:
    """Finds the nearest training photographs."""

    def __init__(
        self, reference: Reference, names: Sequence[str], thumbnails: Sequence[str] = ()
    ) -> None:
        """Take what the archive has of its training photographs.

        Args:
            reference: their features, of the served variant, and labels.
            names: of class 0 and class 1.
            thumbnails: a JPEG of each as base64, or none.
        """
        self._reference, self._names, self._thumbnails = reference, names, thumbnails

    @classmethod
    def load(cls, folder: Path, card: Card, reference: Reference) -> SimilarCases:
        """Load thumbnails, where the card says that the archive has them.

        Args:
            folder: the archive, unpacked.
            card: says whether there are thumbnails.
            reference: features of the served variant, and labels.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is not the one that the card describes.
        """
        wanted = card.cases.sha256
        if not wanted:
            return cls(reference, card.labels)
        data = (folder / FILE).read_bytes()
        if hashlib.sha256(data).hexdigest() != wanted:
            raise ValueError(f"{FILE} is not the file that card.json describes")
        found = parse(json.loads(data), Thumbnails, FILE)
        if len(found.jpeg) != len(reference.features):
            raise ValueError(f"{FILE} has not one thumbnail for each training photograph")
        return cls(reference, card.labels, found.jpeg)

    def fields(self, features: np.ndarray) -> CasesFields:
        """Compute the fields that similar cases add to the prediction of one photograph.

        Args:
            features: pooled, shape (width,).

        Raises:
            NoLabelsError: the archive has no labels of its training photographs.
        """
        labels = self._reference.labels
        if labels is None:
            raise NoLabelsError(
                f"{SIMILAR_CASES} needs the labels of training photographs, which this archive "
                "does not have: use another method, or train again (`make train archive`)"
            )
        cases: list[Case] = []
        for place, distance in zip(*self._reference.nearest(features, COUNT), strict=True):
            case: Case = {
                "label": self._names[labels[place]],
                "distance": round(float(distance), 6),
            }
            if self._thumbnails:
                case["thumbnail"] = self._thumbnails[place]
            cases.append(case)
        return {"method": SIMILAR_CASES, "cases": cases}

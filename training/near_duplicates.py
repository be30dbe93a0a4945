"""Near-duplicates: photographs of one lesion, saved again, cropped, turned or flipped.

Copies of a test photograph in the training data make every score too good. Two criteria must agree,
because each alone can be wrong: small versions of the pictures, which are similar for small moles
on plain skin, and the backbone's features, which are similar for lesions of one kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from training.dataset import Progress

SIDE: Final = 16
"""Pixels per side of the small picture that is compared."""
CORRELATION: Final = 0.9
LIKENESS: Final = 0.8
SURE: Final = 0.98
"""Of a correlation that needs no second witness: the backbone does not see that a picture was
turned by a right angle. All three were set by eye on the pairs of ``../shared/lesions``: above,
nearly all are one lesion, and the rest small moles on plain skin and views through a tube."""
DOUBTFUL: Final = 0.5
"""Likeness of two photographs as they are from which their views are compared too. On
``../shared/lesions`` no pair below it reaches ``LIKENESS`` by another view."""
ROWS: Final = 256
"""Photographs compared with all others at once; limits the memory."""


@dataclass(frozen=True)
class Pair:
    """Two photographs of the same lesion."""

    first: int
    second: int
    """Indices of both; the first is the smaller."""
    correlation: float
    """Of the small pictures without their mean colour, best of eight orientations, -1 to 1."""
    likeness: float
    """Cosine of their standardised features, -1 to 1; best of the views where that decided."""


ViewsOf = Callable[[np.ndarray], np.ndarray]
"""Function from places of photographs, shape (m,), to features of their augmented views, shape
(m, number of views, 512); view 0 is the photograph as it is."""


def find(
    small: np.ndarray,
    plain: np.ndarray,
    views_of: ViewsOf,
    progress: Progress,
    first: int | None = None,
) -> list[Pair]:
    """Find pairs of near-duplicates, most similar first.

    Most pairs are decided by the features of the photographs as they are. Views are computed only
    for the second photograph of a pair that remains doubtful.

    Args:
        small: pictures from ``shrink``, shape (n, 16, 16, 3).
        plain: features of the same photographs, shape (n, 512).
        views_of: gives the features of the views of some of them.
        progress: called with (what, done, total).
        first: only pairs with one of so many photographs, from the first; all by default.
    """
    first = len(small) if first is None else first
    flat = _flat(small)
    mean, spread = plain.mean(axis=0), plain.std(axis=0) + 1e-6
    units = _unit((plain - mean) / spread)
    found: list[Pair] = []
    doubtful: list[Pair] = []
    for start in range(0, first, ROWS):
        rows = slice(start, min(start + ROWS, first))
        # The rows are rotated and not all the others, which would need eight copies of
        # everything.
        correlation = _largest(_flat(turned) @ flat.T for turned in _orientations(small[rows]))
        likeness = units[rows] @ units.T
        for row, column in np.argwhere(correlation > CORRELATION):
            one, other = start + int(row), int(column)
            pair = Pair(one, other, float(correlation[row, column]), float(likeness[row, column]))
            if one < other:
                alike = pair.likeness > LIKENESS or pair.correlation > SURE
                if alike or pair.likeness > DOUBTFUL:
                    (found if alike else doubtful).append(pair)
        progress("compare", min(start + ROWS, first), first)
    if doubtful:
        found += _by_views(doubtful, units, lambda places: (views_of(places) - mean) / spread)
    return sorted(found, key=lambda pair: -pair.correlation - pair.likeness)


def _by_views(doubtful: Sequence[Pair], units: np.ndarray, views_of: ViewsOf) -> list[Pair]:
    """Return the pairs that are alike when the second one is seen in another way."""
    places = np.unique([pair.second for pair in doubtful])
    views = dict(zip(places.tolist(), views_of(places), strict=True))
    likeness = [float((_unit(views[one.second]) @ units[one.first]).max()) for one in doubtful]
    return [
        replace(pair, likeness=best)
        for pair, best in zip(doubtful, likeness, strict=True)
        if best > LIKENESS
    ]


def shrink(view: Image.Image) -> np.ndarray:
    """Shrink the model's input to float32 of shape (16, 16, 3), without its mean colour."""
    pixels = np.asarray(view.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float32)
    return np.asarray(pixels - pixels.mean(axis=(0, 1)))


def groups(count: int, pairs: Sequence[Pair]) -> np.ndarray:
    """Group photographs of one lesion, int of shape (count,): the number of a group each."""
    ones = np.ones(len(pairs), dtype=bool)
    ends = [pair.first for pair in pairs], [pair.second for pair in pairs]
    joined = coo_matrix((ones, ends), shape=(count, count))
    return np.asarray(connected_components(joined, directed=False)[1])


def _largest(matrices: Iterator[np.ndarray]) -> np.ndarray:
    """Element-wise maximum, with two matrices in memory at a time."""
    best = next(matrices)
    for other in matrices:
        np.maximum(best, other, out=best)
    return best


def _orientations(small: np.ndarray) -> Iterator[np.ndarray]:
    """Return the eight orientations of a square; the first is unchanged."""
    for mirrored in (small, small[:, :, ::-1]):
        for quarter in range(4):
            yield np.rot90(mirrored, quarter, axes=(1, 2))


def _flat(small: np.ndarray) -> np.ndarray:
    return _unit(small.reshape(len(small), -1))


def _unit(rows: np.ndarray) -> np.ndarray:
    """Normalise rows to length one; zero for a picture of one colour."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-6), dtype=np.float32)

"""Near-duplicates: photographs of one lesion, saved again, cropped, turned or flipped.

Copies of a test photograph in the training data make every score too good. Two criteria must agree,
because each alone can be wrong: small versions of the pictures, which are similar for small moles
on plain skin, and the backbone's features, which are similar for lesions of one kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from handlers.imaging import centre_view, decode
from training.dataset import Photograph, Progress

SIDE: Final = 16
"""Pixels per side of the small picture that is compared."""
CORRELATION: Final = 0.9
LIKENESS: Final = 0.8
SURE: Final = 0.98
"""Of a correlation that needs no second witness: the backbone does not see that a picture was
turned by a right angle. All three were set by eye on the pairs of ``../shared/lesions``: above,
nearly all are one lesion, and the rest small moles on plain skin and views through a tube."""
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
    """Cosine of their standardised features, best of the views, -1 to 1."""


def find(
    photographs: Sequence[Photograph],
    views: np.ndarray,
    progress: Progress,
    first: int | None = None,
) -> list[Pair]:
    """Find pairs of near-duplicates, most similar first.

    Args:
        photographs: n checked ones.
        views: their features, shape (n, number of views, 512); view 0 is the picture as it is.
        progress: called with (what, done, total).
        first: only pairs with one of so many photographs, from the first; all by default.
    """
    first = len(photographs) if first is None else first
    small = _small(photographs)
    flat = _flat(small)
    mean, spread = views[:, 0].mean(axis=0), views[:, 0].std(axis=0) + 1e-6
    found: list[Pair] = []
    for start in range(0, first, ROWS):
        rows = slice(start, min(start + ROWS, first))
        # The rows are rotated and not all the others, which would need eight copies of
        # everything.
        correlation = _largest(_flat(turned) @ flat.T for turned in _orientations(small[rows]))
        plain = _unit((views[rows, 0] - mean) / spread)
        likeness = _largest(
            plain @ _unit((views[:, view] - mean) / spread).T for view in range(views.shape[1])
        )
        alike = (correlation > CORRELATION) & (likeness > LIKENESS) | (correlation > SURE)
        for row, column in np.argwhere(alike):
            one, other = start + int(row), int(column)
            if one < other:
                measured = float(correlation[row, column]), float(likeness[row, column])
                found.append(Pair(one, other, *measured))
        progress("compare", min(start + ROWS, first), first)
    return sorted(found, key=lambda pair: -pair.correlation - pair.likeness)


def groups(count: int, pairs: Sequence[Pair]) -> np.ndarray:
    """Group photographs of one lesion, int of shape (count,): the number of a group each."""
    ones = np.ones(len(pairs), dtype=bool)
    ends = [pair.first for pair in pairs], [pair.second for pair in pairs]
    joined = coo_matrix((ones, ends), shape=(count, count))
    return np.asarray(connected_components(joined, directed=False)[1])


def _small(photographs: Sequence[Photograph]) -> np.ndarray:
    """Shrink each model input to float32 of shape (n, 16, 16, 3), without its mean colour."""

    def shrink(photo: Photograph) -> np.ndarray:
        view = centre_view(decode(photo.path.read_bytes()))
        pixels = np.asarray(view.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float32)
        return np.asarray(pixels - pixels.mean(axis=(0, 1)))

    with ThreadPoolExecutor(max_workers=2) as pool:
        return np.stack(list(pool.map(shrink, photographs)))


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

"""Superpixels: segments of about equal size that follow the edges of a picture."""

from __future__ import annotations

from typing import Final

import numpy as np

GRID: Final = 6
"""Segments on each side at the start; some are merged on the way."""
COMPACTNESS: Final = 0.5
"""Weight of a distance of one segment width against one standard deviation of colour."""
ROUNDS: Final = 10
"""Rounds of k-means; Achanta et al. found 10 enough for most pictures."""


def superpixels(picture: np.ndarray, grid: int = GRID) -> np.ndarray:
    """SLIC (Achanta et al. 2012): k-means over colour and position, then connected segments only.

    In the model's own colours instead of CIELAB, and every pixel is compared with every centre,
    which is cheap on a picture this small. It is deterministic: the segments start as a grid.

    Args:
        picture: the model's input at any size, shape (3, h, w).
        grid: segments on each side at the start.

    Returns:
        int64 of shape (h, w): the piece of each pixel, numbered from 0 without gaps.
    """
    _, height, width = picture.shape
    rows, columns = np.indices((height, width))
    # Positions in units of colour, so that one Euclidean distance measures both.
    places = np.stack([rows, columns]) * (COMPACTNESS * grid / max(height, width))
    points = np.concatenate([picture, places]).reshape(5, -1).T.astype(np.float64)
    pieces = (rows * grid // height * grid + columns * grid // width).ravel()
    centres = np.zeros((grid**2, 5))
    for _ in range(ROUNDS):
        members = np.bincount(pieces, minlength=len(centres))[:, None]
        sums = np.stack([np.bincount(pieces, axis, len(centres)) for axis in points.T], axis=1)
        centres = np.where(members > 0, sums / np.maximum(members, 1), centres)
        pieces = _nearest(points, centres)
    return _connected(pieces.reshape(height, width))


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    # |p - c|^2 without |p|^2, which is the same for all centres.
    return np.asarray(((centres**2).sum(axis=1) - 2 * points @ centres.T).argmin(axis=1))


def _connected(pieces: np.ndarray) -> np.ndarray:
    """Merge the smaller parts of a split segment into a neighbour."""
    parts = _parts(pieces)
    sizes = np.bincount(parts.ravel(), minlength=parts.size)
    kept = np.zeros(parts.size, dtype=bool)
    for piece in np.unique(pieces):
        inside = parts[pieces == piece]
        kept[inside[sizes[inside].argmax()]] = True
    owner = np.where(kept[parts], pieces, -1)
    while (owner < 0).any():
        for neighbour in _neighbours(owner, -1):
            owner = np.where(owner < 0, neighbour, owner)
    return np.unique(owner, return_inverse=True)[1].reshape(pieces.shape).astype(np.int64)


def _parts(pieces: np.ndarray) -> np.ndarray:
    """Number the connected parts: each pixel gets the smallest index that it is connected to."""
    parts = np.arange(pieces.size).reshape(pieces.shape)
    around = [neighbour == pieces for neighbour in _neighbours(pieces, -1)]
    while True:
        lowest = parts
        for same, neighbour in zip(around, _neighbours(parts, pieces.size), strict=True):
            lowest = np.minimum(lowest, np.where(same, neighbour, pieces.size))
        # A pixel's number is itself a pixel of the same part: jumping there halves the
        # remaining way.
        lowest = lowest.ravel()[lowest]
        if (lowest == parts).all():
            return parts
        parts = lowest


def _neighbours(grid: np.ndarray, outside: int) -> list[np.ndarray]:
    """Return what lies above, below, left and right of each pixel."""
    framed = np.pad(grid, 1, constant_values=outside)
    return [framed[:-2, 1:-1], framed[2:, 1:-1], framed[1:-1, :-2], framed[1:-1, 2:]]

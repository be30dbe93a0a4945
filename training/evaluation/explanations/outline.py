"""Superpixels that do not cross the rough outline of the lesion."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from handlers.explainers.lime import CELL, cut
from handlers.imaging import MEAN, STD
from handlers.segmentation import rough_mask


def outlined(inputs: torch.Tensor) -> np.ndarray:
    """Cut a photograph into superpixels, none of them both inside and outside the lesion.

    Where no lesion stands out from the skin, these are the superpixels of LIME.

    Args:
        inputs: shape (1, 3, side, side).

    Returns:
        int64 of shape (side / 4, side / 4): the superpixel of each cell of 4 x 4 pixels, from 0.
    """
    pieces = cut(inputs)
    mask = rough_mask(_picture(inputs))
    if mask is None:
        return pieces
    return split(pieces, _lesion(mask[::CELL, ::CELL]), int(pieces.max()) + 1)


def split(pieces: np.ndarray, inside: np.ndarray, most: int) -> np.ndarray:
    """Cut superpixels along an outline, and merge the smallest parts until few enough are left.

    Each part is merged with the neighbour on its own side of the outline with which it shares the
    longest border.

    Args:
        pieces: the superpixel of each cell, shape (h, w).
        inside: bool of the same shape.
        most: number of parts; a region without a neighbour on its side is kept nevertheless.

    Returns:
        int64 of shape (h, w): the part of each cell, numbered from 0 without gaps.
    """
    parts = _parts(pieces * 2 + inside)
    borders = _borders(parts, inside)
    sizes = np.bincount(parts.ravel()).astype(np.float64)
    left = len(sizes)
    while left > most and borders.any():
        small = int(np.where(borders.any(axis=1), sizes, np.inf).argmin())
        into = int(borders[small].argmax())
        parts[parts == small] = into
        sizes[into] += sizes[small]
        borders[into] += borders[small]
        borders[:, into] += borders[:, small]
        borders[small], borders[:, small], borders[into, into] = 0, 0, 0
        left -= 1
    return np.unique(parts, return_inverse=True)[1].reshape(parts.shape).astype(np.int64)


def _parts(labels: np.ndarray) -> np.ndarray:
    """Number the connected parts of equal labels."""
    found, total = np.zeros(labels.shape, dtype=np.int64), 0
    for label in np.unique(labels):
        numbered, count = ndimage.label(labels == label)
        found += np.where(numbered > 0, numbered + total - 1, 0)
        total += count
    return found


def _borders(parts: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Count the cells along which two parts of one side touch, shape (parts, parts)."""
    found = np.zeros((parts.max() + 1,) * 2, dtype=np.int64)
    for one, other, same in (
        (parts[1:], parts[:-1], inside[1:] == inside[:-1]),
        (parts[:, 1:], parts[:, :-1], inside[:, 1:] == inside[:, :-1]),
    ):
        touching = same & (one != other)
        np.add.at(found, (one[touching], other[touching]), 1)
    return found + found.T


def _lesion(mask: np.ndarray) -> np.ndarray:
    """Keep the largest connected part of a mask, without its holes: not each hair and speck."""
    numbered, _ = ndimage.label(mask)
    largest = 1 + int(np.bincount(numbered.ravel())[1:].argmax())
    return np.asarray(ndimage.binary_fill_holes(numbered == largest))


def _picture(inputs: torch.Tensor) -> Image.Image:
    """Return the photograph of the model's inputs."""
    pixels = inputs[0].permute(1, 2, 0).numpy() * STD + MEAN
    return Image.fromarray((pixels * 255).round().clip(0, 255).astype(np.uint8))

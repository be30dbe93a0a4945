"""Orientations of a square picture: flips, and turns by right angles.

A lesion has no upright position. A canonical orientation, computed from the picture itself, makes
an answer independent of how the camera was held; further ones are averaged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import torch

Array = TypeVar("Array", np.ndarray, torch.Tensor)

FLIPS: Final[tuple[tuple[int, ...], ...]] = ((), (-1, -2), (-1,), (-2,))
"""Dimensions that are flipped in each averaged orientation, from the canonical one; a variant with
k orientations uses the first k. Each is its own inverse."""


@dataclass(frozen=True)
class Orientation:
    """A symmetry of the square: flips first, then a transposition."""

    flip_columns: bool
    flip_rows: bool
    transpose: bool

    def apply(self, pictures: Array) -> Array:
        """Bring pictures of shape (..., h, h) into this orientation."""
        flipped = _flip(pictures, self._dims)
        return flipped.swapaxes(-1, -2) if self.transpose else flipped

    def undo(self, maps: Array) -> Array:
        """Bring maps of shape (..., h, h) back from this orientation."""
        return _flip(maps.swapaxes(-1, -2) if self.transpose else maps, self._dims)

    def turned(self, picture: torch.Tensor, count: int) -> torch.Tensor:
        """Return ``count`` orientations of a picture (c, h, h), shape (count, c, h, h).

        The first is this one, the others are flipped from it.
        """
        # In NumPy: for arrays this small, waking PyTorch's other threads costs more than they save.
        own = self.apply(picture.numpy())
        return torch.from_numpy(np.stack([_flip(own, dims) for dims in FLIPS[:count]]))

    def mapped_back(self, maps: torch.Tensor) -> torch.Tensor:
        """Map one map per orientation of :meth:`turned` back to the picture.

        Args:
            maps: shape (count, c, h, h).

        Returns:
            Shape (count, c, h, h).
        """
        pairs = zip(maps.numpy(), FLIPS, strict=False)
        return torch.from_numpy(np.stack([self.undo(_flip(one, dims)) for one, dims in pairs]))

    @property
    def _dims(self) -> tuple[int, ...]:
        return (-1,) * self.flip_columns + (-2,) * self.flip_rows


def canonical(picture: torch.Tensor) -> Orientation:
    """Return the orientation that brings the brighter side to the right and then downwards.

    It depends on the first moments of brightness, so all eight orientations of a picture share one
    canonical picture. Their signs are close to zero, and thus uncertain, for few photographs.

    Args:
        picture: shape (c, h, h).
    """
    side = picture.shape[-1]
    brightness = picture.numpy().sum(axis=0, dtype=np.float64)
    axis = np.arange(side) - (side - 1) / 2
    across, down = float(brightness.sum(axis=0) @ axis), float(brightness.sum(axis=1) @ axis)
    return Orientation(across < 0, down < 0, abs(down) > abs(across))


def run_oriented(
    picture: torch.Tensor, count: int, run: Callable[[torch.Tensor], torch.Tensor]
) -> tuple[Orientation, torch.Tensor]:
    """Run a network on the first orientations of a picture.

    Args:
        picture: shape (c, h, h).
        count: of orientations.
        run: from pictures of shape (count, c, h, h) to maps of shape (count, width, h, w).

    Returns:
        The canonical orientation, and one map per orientation as the network gave them, shape
        (count, width, h, w).
    """
    orientation = canonical(picture)
    return orientation, run(orientation.turned(picture, count))


def _flip(pictures: Array, dims: tuple[int, ...]) -> Array:
    if isinstance(pictures, np.ndarray):
        return np.flip(pictures, dims)
    return pictures.flip(dims) if dims else pictures

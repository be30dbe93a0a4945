"""Orientations of a square picture: flips, and turns by right angles.

A lesion has no upright position. A canonical orientation, computed from the picture itself, makes
an answer independent of how the camera was held; further ones are averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

FLIPS: Final[tuple[tuple[int, ...], ...]] = ((), (-1, -2), (-1,), (-2,))
"""Dimensions that are flipped in each averaged orientation, from the canonical one; a variant with
k orientations uses the first k. Each is its own inverse."""


@dataclass(frozen=True)
class Orientation:
    """A symmetry of the square: flips first, then a transposition."""

    flip_columns: bool
    flip_rows: bool
    transpose: bool

    def apply(self, pictures: torch.Tensor) -> torch.Tensor:
        """Bring pictures of shape (..., h, h) into this orientation."""
        dims = [dim for dim, flip in ((-1, self.flip_columns), (-2, self.flip_rows)) if flip]
        flipped = pictures.flip(dims) if dims else pictures
        return flipped.transpose(-1, -2) if self.transpose else flipped

    def undo(self, maps: torch.Tensor) -> torch.Tensor:
        """Bring maps of shape (..., h, h) back from this orientation."""
        upright = maps.transpose(-1, -2) if self.transpose else maps
        dims = [dim for dim, flip in ((-1, self.flip_columns), (-2, self.flip_rows)) if flip]
        return upright.flip(dims) if dims else upright

    def turned(self, picture: torch.Tensor, count: int) -> torch.Tensor:
        """Return ``count`` orientations of a picture (c, h, h), shape (count, c, h, h).

        The first is this one, the others are flipped from it.
        """
        # In NumPy: for arrays this small, waking PyTorch's other threads costs more than they save.
        own = picture.numpy()[..., :: _step(self.flip_rows), :: _step(self.flip_columns)]
        own = own.swapaxes(-1, -2) if self.transpose else own
        return torch.from_numpy(np.stack([np.flip(own, dims) for dims in FLIPS[:count]]))

    def mapped_back(self, maps: torch.Tensor) -> torch.Tensor:
        """Map one map per orientation of :meth:`turned` back to the picture.

        Args:
            maps: shape (count, c, h, h).

        Returns:
            Shape (count, c, h, h).
        """
        rows = [np.flip(one, dims) for one, dims in zip(maps.numpy(), FLIPS, strict=False)]
        upright = [row.swapaxes(-1, -2) if self.transpose else row for row in rows]
        back = np.stack(upright)[..., :: _step(self.flip_rows), :: _step(self.flip_columns)]
        return torch.from_numpy(np.ascontiguousarray(back))


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


def _step(flip: bool) -> int:
    return -1 if flip else 1

"""Convert attributions of pixels to a grid of cells, and back to pixels."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from handlers.captum_methods import LayerAttribution


def summed(attributions: torch.Tensor, places: int) -> np.ndarray:
    """Sum over colours and over square cells; the total is unchanged.

    Args:
        attributions: of pixels, shape (1, channels, side, side).
        places: on each side; divides ``side``.

    Returns:
        float32 of shape (places, places).
    """
    cell = attributions.shape[-1] // places
    flat = attributions.detach().sum(dim=1, keepdim=True)
    pooled = functional.avg_pool2d(flat, cell) * cell**2
    return np.asarray(pooled[0, 0].float().numpy())


def upsampled(values: np.ndarray, side: int) -> np.ndarray:
    """Interpolate attributions of shape (h, w) to side x side pixels, bilinear."""
    grid = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None, None]
    return np.asarray(LayerAttribution.interpolate(grid, (side, side), "bilinear")[0, 0].numpy())

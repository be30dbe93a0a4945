"""Blur pixels to a baseline, sum attributions of pixels over grid cells, and interpolate them."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch.nn import functional

from handlers.explainers.captum_methods import LayerAttribution

BLUR: Final = 12.0
"""Standard deviation of the blur in pixels: more than a streak or a dot, less than a lesion."""


def blurred(inputs: torch.Tensor, sigma: float = BLUR) -> torch.Tensor:
    """Apply a Gaussian blur to inputs of shape (n, 3, h, w); sigma in pixels."""
    reach = int(3 * sigma)
    offsets = torch.arange(-reach, reach + 1, dtype=inputs.dtype)
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(inputs.shape[1], 1, -1)
    padded = functional.pad(inputs, (reach, reach, reach, reach), mode="reflect")
    rows = functional.conv2d(padded, kernel.unsqueeze(2), groups=inputs.shape[1])
    return functional.conv2d(rows, kernel.unsqueeze(3), groups=inputs.shape[1])


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

"""Baselines of the attribution methods: blurred copies of a photograph."""

from __future__ import annotations

import torch
from torch.nn import functional

BLUR = 12.0
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

"""Modules of PyTorch that a serving variant's document stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from handlers.variants import FittedVariant


def head_of(fitted: FittedVariant) -> nn.Sequential:
    """Return a variant's module from activations (n, width, h, w) to logits (n, 2)."""
    layer = final_layer(np.asarray(fitted.weights), fitted.bias)
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(1), layer).eval()


def final_layer(weights: np.ndarray, bias: float) -> nn.Linear:
    """Return log-odds of cancer as a layer of two logits, ``no cancer`` and ``cancer``.

    Half the log-odds each, with opposite signs: the softmax is the same, and an explanation of
    either class has a gradient to follow.

    Args:
        weights: of the log-odds, shape (width,).
        bias: of the log-odds.
    """
    layer = nn.Linear(len(weights), 2)
    with torch.no_grad():
        half = torch.from_numpy(weights / 2).float()
        layer.weight.copy_(torch.stack([-half, half]))
        layer.bias.copy_(torch.tensor([-bias / 2, bias / 2]))
    return layer.requires_grad_(False)


class VariantNetwork(nn.Module):
    """Float32 network of a variant, for gradients: TorchScript's stages with the variant's head."""

    def __init__(self, stages: Any, head: nn.Module) -> None:
        """Take both without copying them.

        Args:
            stages: from inputs (n, 3, side, side) to activations (n, width, h, w).
            head: from activations to logits (n, 2).
        """
        super().__init__()
        self.features = stages
        self.head = head

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Compute logits of shape (n, 2) of inputs of shape (n, 3, side, side)."""
        return self.head(self.features(inputs))  # type: ignore[no-any-return]

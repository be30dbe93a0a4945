"""Models of small pictures for which the correct map is known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from handlers.explainers.task import AttributionTask, Budget

SIDE = 112
"""Pixels; half of what the service sees, a quarter of the time."""


def noise(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 3, SIDE, SIDE, generator=generator)


def ask(
    model: Any, inputs: torch.Tensor, target: int = 1, budget: Budget | None = None
) -> AttributionTask:
    activations = torch.ones(1, 512, 7, 7)
    return AttributionTask(model, inputs, activations, target, budget or Budget(float("inf")))


class Known(nn.Module):
    """Model that counts its calls; it has a head for Grad-CAM."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(1), nn.Linear(512, 2))
        self.batches: list[int] = []

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(inputs))
        logit = self.logit(inputs)
        return torch.stack([-logit, logit], dim=1)

    def logit(self, inputs: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


class Linear(Known):
    """Model whose logit is a weighted sum of the pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = noise(1)[0]

    def logit(self, inputs: torch.Tensor) -> torch.Tensor:
        return (inputs * self.weights).sum(dim=(1, 2, 3))


class Corner(Known):
    """Model whose logit is the roughness of the top right sixteenth of the picture."""

    def logit(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs[:, :, : SIDE // 4, -SIDE // 4 :].square().mean(dim=(1, 2, 3))


def corner_of(values: np.ndarray) -> np.ndarray:
    """Grid cells of a map that ``Corner`` uses."""
    rows, columns = values.shape
    return values[: rows // 4, -columns // 4 :]


def ticking() -> Callable[[], float]:
    """Clock that advances by one second at each reading."""
    now = -1.0

    def look() -> float:
        nonlocal now
        now += 1
        return now

    return look

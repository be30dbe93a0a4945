"""Baselines for Integrated Gradients, to compare which suits skin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch

from handlers.explainers.pixels import blurred
from handlers.imaging import MEAN, STD


def black(inputs: torch.Tensor) -> torch.Tensor:
    """Black pictures, the usual baseline; shape (n, 3, 224, 224) like the inputs."""
    zero = -torch.tensor(MEAN) / torch.tensor(STD)
    return zero[:, None, None].expand_as(inputs).clone()


def skin(inputs: torch.Tensor) -> torch.Tensor:
    """Pictures of one colour, each channel's median: skin, if that is most of a picture.

    Shape (n, 3, 224, 224) like the inputs.
    """
    median = inputs.flatten(2).median(dim=2).values
    return median[..., None, None].expand_as(inputs).clone()


BASELINES: Final[Mapping[str, Callable[[torch.Tensor], torch.Tensor]]] = {
    "blurred": blurred,
    "black": black,
    "skin": skin,
}

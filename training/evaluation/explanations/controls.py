"""Control maps that do not depend on the model, and baselines of Integrated Gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from zlib import crc32

import numpy as np
import torch
from scipy import ndimage

from handlers.explainers.pixels import blurred
from handlers.imaging import MEAN, SIDE, STD
from handlers.quality import LUMA
from training.evaluation.explanations.curves import GRID
from training.evaluation.explanations.subjects import Subject

WIDTH: Final = 0.25
"""Standard deviation of the centred Gaussian, relative to the side: about the width of a lesion."""


def random(subject: Subject) -> np.ndarray:
    """Uniform random numbers, the same for a photograph at every call; shape (28, 28)."""
    drawn = np.random.default_rng(crc32(subject.name.encode()))
    return drawn.random((GRID, GRID), dtype=np.float32)


def edges(subject: Subject) -> np.ndarray:
    """Magnitude of the grey picture's Sobel gradient, mean over a cell; shape (28, 28).

    Adebayo et al. 2018: maps that resemble an edge detector persuade, whatever the model does.
    """
    grey = np.asarray(subject.view, dtype=np.float32) @ np.asarray(LUMA, dtype=np.float32)
    magnitude = np.hypot(ndimage.sobel(grey, axis=0), ndimage.sobel(grey, axis=1))
    cell = SIDE // GRID
    return np.asarray(magnitude.reshape(GRID, cell, GRID, cell).mean(axis=(1, 3)))


def centre(subject: Subject) -> np.ndarray:
    """Gaussian around the middle, where photographers centre the lesion; shape (28, 28)."""
    del subject  # the same for every photograph
    axis = (np.arange(GRID) + 0.5) / GRID - 0.5
    squares = axis[:, None] ** 2 + axis[None, :] ** 2
    return np.asarray(np.exp(-squares / (2 * WIDTH**2)), dtype=np.float32)


CONTROLS: Final[Mapping[str, Callable[[Subject], np.ndarray]]] = {
    "random": random,
    "edges": edges,
    "centre": centre,
}


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

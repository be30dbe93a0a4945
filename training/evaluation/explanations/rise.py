"""RISE: how the score varies with random masks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from torch.nn import functional

from handlers.explainers.captum_methods import SEED
from handlers.explainers.pixels import blurred
from handlers.explainers.task import Attribution, AttributionTask

SAMPLES: Final = 256
AT_ONCE: Final = 8
GRID: Final = 7
"""Cells on each side of a mask before it is interpolated."""
SHOWN: Final = 0.5
"""Probability that a cell is shown."""
PLACES: Final = 28
"""Grid cells on each side of the map."""


def rise(task: AttributionTask) -> Attribution:
    """RISE (Petsiuk et al. 2018) with a blurred copy where the mask is 0; grid of 28 x 28 cells.

    Cost: 256 passes forward of the served network, in the photograph's first orientation. Meaning:
    the covariance of the target's logit and the mask at a cell, relative to the variance of a
    mask's cell. The authors' mean of the masks weighted by the score ranks alike in expectation;
    of so few masks, it would mostly show how often each cell happened to be shown.
    """
    inputs, blank = task.inputs, blurred(task.inputs)
    scores, shown = [], []
    for masks in _masks(inputs.shape[-1]).split(AT_ONCE):
        scores.append(task.scores(masks * inputs + (1 - masks) * blank)[:, task.target])
        shown.append(functional.adaptive_avg_pool2d(masks, PLACES)[:, 0])
    score, mask = torch.cat(scores).double(), torch.cat(shown).double()
    varied = torch.einsum("n,nhw->hw", score - score.mean(), mask - mask.mean(dim=0)) / SAMPLES
    values = varied / (SHOWN * (1 - SHOWN))
    return Attribution(values.numpy().astype(np.float32), SAMPLES)


def _masks(side: int) -> torch.Tensor:
    """Draw masks from 0 to 1, the same at every call, shape (256, 1, side, side)."""
    cell = -(-side // GRID)
    drawn = np.random.default_rng(SEED)

    def masks() -> Iterator[torch.Tensor]:
        for _ in range(SAMPLES):
            grid = torch.from_numpy((drawn.random((1, 1, GRID, GRID)) < SHOWN).astype(np.float32))
            whole = functional.interpolate(
                grid, size=(GRID + 1) * cell, mode="bilinear", align_corners=False
            )
            row, column = drawn.integers(cell, size=2)
            yield whole[:, :, row : row + side, column : column + side]

    return torch.cat(list(masks()))

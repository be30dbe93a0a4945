"""LIME: a linear model of the score over the presence of superpixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from torch.nn import functional

from handlers.explainers.captum_methods import SEED, InterpretableModel, Lime, seeded
from handlers.explainers.hadamard import paley
from handlers.explainers.pixels import blurred
from handlers.explainers.superpixels import GRID, superpixels
from handlers.explainers.task import Attribution, AttributionTask

AT_ONCE: Final = 8
CELL: Final = 4
"""Pixels per cell; superpixels are computed at a quarter of the size."""
WIDTH: Final = 0.25
"""Width of the kernel, in cosine distance; from the authors' code for images."""
PENALTY: Final = 1.0
"""Penalty of the ridge regression; from the authors' code as well."""


def cut(inputs: torch.Tensor, grid: int = GRID) -> np.ndarray:
    """Cut a photograph into superpixels.

    Args:
        inputs: shape (1, 3, side, side).
        grid: superpixels on each side at the start; some are merged on the way.

    Returns:
        int64 of shape (side / 4, side / 4): the superpixel of each cell of 4 x 4 pixels, from 0.
    """
    return superpixels(functional.avg_pool2d(inputs, CELL)[0].numpy(), grid)


def balanced(features: int) -> torch.Tensor:
    """Choose which features each sample contains; every pair of columns is orthogonal.

    A folded Hadamard matrix (Plackett and Burman 1946) instead of fair coins: each feature is
    in half of the samples and, of those, together with each other feature in half, so that an
    interaction of two features is attributed to neither.

    Args:
        features: their number.

    Returns:
        0 or 1, int64 of shape (n, features), where n is twice the order of the matrix.
    """
    negative = paley(features)
    # In random order, or interactions of neighbours would be attributed to a neighbour.
    columns = np.random.default_rng(SEED).permutation(len(negative))[:features]
    there = negative[:, columns].astype(np.int64)
    return torch.from_numpy(np.concatenate([1 - there, there]))


def lime(
    task: AttributionTask, pieces_of: Callable[[torch.Tensor], np.ndarray] = cut
) -> Attribution:
    """LIME (Ribeiro et al. 2016) over about 36 superpixels, signed; grid of 56 x 56 cells.

    Cost: 72 passes forward of the served network, in the photograph's first orientation. Meaning:
    the weight of each superpixel in a linear model of the target's logit when half of the
    superpixels are blurred, that is, how much the logit falls on average when the details of this
    one are removed. The value is constant within a superpixel.

    Args:
        task: of the photograph.
        pieces_of: makes superpixels of the inputs, like :func:`cut`.
    """
    pieces = pieces_of(task.inputs)
    mask = torch.from_numpy(pieces.repeat(CELL, axis=0).repeat(CELL, axis=1))
    samples = balanced(int(pieces.max()) + 1)

    def one_by_one(_: torch.Tensor, **__: Any) -> Iterator[torch.Tensor]:
        yield from samples.split(1)

    captum = Lime(task.scores, Ridge(PENALTY), _similarity, one_by_one)
    # Captum's own looks up every pixel and adds two products, which takes twice as long.
    captum.from_interp_rep_transform = partial(_composed, torch.from_numpy(pieces))
    # No random number in there matters, but a DataLoader draws one for itself.
    with seeded():
        weights = captum.attribute(
            task.inputs,
            baselines=blurred(task.inputs),
            target=task.target,
            feature_mask=mask[None, None],
            n_samples=len(samples),
            perturbations_per_eval=AT_ONCE,
            return_input_shape=False,
        )
    return Attribution(weights.numpy().astype(np.float32)[pieces], len(samples))


class Ridge(InterpretableModel):  # type: ignore[misc]
    """Weighted ridge regression with an intercept, in closed form; Captum's own needs sklearn."""

    def __init__(self, penalty: float) -> None:
        """Take the weight of the squared coefficients; the intercept is not penalised."""
        self.penalty = penalty
        self.coefficients = torch.zeros(0, dtype=torch.float64)
        self.intercept = torch.zeros((), dtype=torch.float64)

    def fit(self, train_data: Any, **_: Any) -> None:
        """Fit to batches of rows (n, features), answers (n,) and weights (n,)."""
        batches = zip(*train_data, strict=True)
        rows, answers, weights = (torch.cat(batch).double() for batch in batches)
        share = weights / weights.sum()
        centre, level = share @ rows, share @ answers
        weighted = (rows - centre).T * weights
        gram = weighted @ (rows - centre)
        gram.diagonal().add_(self.penalty)
        self.coefficients = torch.linalg.solve(gram, weighted @ (answers - level))
        self.intercept = level - centre @ self.coefficients

    def representation(self) -> torch.Tensor:
        """The coefficients, float64 of shape (features,)."""
        return self.coefficients

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Predict for rows of shape (n, features)."""
        return rows.double() @ self.coefficients + self.intercept


def _composed(
    pieces: torch.Tensor,
    there: torch.Tensor,
    inputs: torch.Tensor,
    *,
    baselines: torch.Tensor,
    **_: Any,
) -> torch.Tensor:
    """Compose a picture of the superpixels that are there, and of the baseline elsewhere.

    Args:
        pieces: the superpixel of each cell, shape (h, w).
        there: 0 or 1 for each superpixel, shape (1, features).
        inputs: shape (1, 3, side, side).
        baselines: of the same shape.
    """
    cells = there[0].bool()[pieces]
    mask = cells.repeat_interleave(CELL, 0).repeat_interleave(CELL, 1)
    return torch.where(mask, inputs, baselines)


def _similarity(_inputs: Any, _changed: Any, there: torch.Tensor, **_: Any) -> torch.Tensor:
    """Weight of a sample: the closer to the whole picture, the higher.

    Exponential kernel of the cosine distance between which superpixels are there and all ones.
    """
    distance = 1 - there.float().mean().sqrt()
    return torch.exp(-(distance**2) / (2 * WIDTH**2))

"""Infidelity and max-sensitivity (Yeh et al. 2019), by Captum's own functions.

Captum is imported whole here; the service imports it without its plotting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from zlib import crc32

import numpy as np
import torch
from captum.metrics import infidelity, sensitivity_max

from handlers.explainers.pixels import blurred
from handlers.imaging import SIDE
from training.evaluation.explanations.curves import GRID
from training.evaluation.explanations.subjects import Subject

SAMPLES: Final = 16
"""Perturbed copies for an infidelity."""
MOVED: Final = 0.2
"""Standard deviation of the share by which each cell moves to its blurred copy, or away from it."""
PERTURBED: Final = 3
"""Perturbed copies for a max-sensitivity, each of which is explained."""
RADIUS: Final = 0.02
"""Largest change of a pixel, in units of the input: about one grey level, as in Captum."""


class Disturbed:
    """One photograph and its perturbed copies, the same for every method."""

    def __init__(self, subject: Subject, logits: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Draw the copies and run the model on them; 17 passes.

        Args:
            subject: the photograph.
            logits: of n inputs, shape (n, 2).
        """
        self._subject = subject
        noise = _generator(subject).normal(0, MOVED, (SAMPLES, 1, GRID, GRID))
        cell = SIDE // GRID
        shares = torch.from_numpy(noise.astype(np.float32))
        shares = shares.repeat_interleave(cell, 2).repeat_interleave(cell, 3)
        inputs = subject.inputs
        self._shares = shares.expand(-1, inputs.shape[1], -1, -1)
        self._copies = inputs - self._shares * (inputs - blurred(inputs))
        self._logits = logits(inputs), logits(self._copies)

    def infidelity(self, values: np.ndarray) -> float:
        """Measure how badly a map predicts the effect of a perturbation on the target's logit.

        Each cell moves a little towards its blurred copy or away from it; a right map predicts a
        change of the logit by the sum of share times attribution. Captum scales the map to fit best
        (``normalize``), so maps of any unit compare, and so would one with all signs reversed.
        Given relative to a map that predicts no change: 0 is perfect, 1 has no information.

        Args:
            values: the map, shape (h, w).
        """
        return self._of(spread(values)) / max(self._of(torch.zeros_like(self._shares[:1])), 1e-12)

    def _of(self, attributions: torch.Tensor) -> float:
        plain, disturbed = self._logits
        found = infidelity(
            lambda inputs: plain if len(inputs) == 1 else disturbed,
            lambda _: (self._shares, self._copies),
            self._subject.inputs,
            attributions,
            target=self._subject.target,
            n_perturb_samples=SAMPLES,
            normalize=True,
        )
        return float(found[0])


def max_sensitivity(
    subject: Subject, values: np.ndarray, explain: Callable[[torch.Tensor], np.ndarray]
) -> float:
    """Measure how much a map changes, relative to its size, under tiny changes of all pixels.

    Args:
        subject: the photograph.
        values: its map, shape (h, w).
        explain: gives the map of inputs of shape (1, 3, 224, 224).
    """
    size = (PERTURBED, *subject.inputs.shape[1:])
    noise = _generator(subject).uniform(-RADIUS, RADIUS, size).astype(np.float32)

    def maps(inputs: torch.Tensor | tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        if isinstance(inputs, tuple):  # Captum explains the photograph itself first
            return (torch.from_numpy(values)[None],)
        with torch.enable_grad():  # gradients, which Captum has switched off
            return (torch.stack([torch.from_numpy(explain(row)) for row in inputs.split(1)]),)

    found = sensitivity_max(
        maps,
        subject.inputs,
        perturb_func=lambda inputs: inputs + torch.from_numpy(noise),
        n_perturb_samples=PERTURBED,
    )
    return float(found[0])


def spread(values: np.ndarray) -> torch.Tensor:
    """Spread a map of shape (h, w) evenly over the pixels and colours of each cell.

    Returns:
        float32 of shape (1, 3, 224, 224) with the same sum.
    """
    high, wide = SIDE // values.shape[0], SIDE // values.shape[1]
    grid = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
    shares: torch.Tensor = grid / (3 * high * wide)
    return shares.repeat_interleave(high, 0).repeat_interleave(wide, 1).expand(1, 3, SIDE, SIDE)


def _generator(subject: Subject) -> np.random.Generator:
    return np.random.default_rng(crc32(subject.name.encode()))

"""Measurements of all methods: one number per photograph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.explaining.curves import SHARES, Curves


@dataclass(frozen=True)
class PerturbationCurves:
    """Perturbation curves of n photographs, each of shape (n, 17)."""

    deletion: np.ndarray
    insertion: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Curves]) -> PerturbationCurves:
        """Stack the curves of single photographs."""
        return cls(
            np.stack([row.deletion for row in rows]), np.stack([row.insertion for row in rows])
        )

    def areas(self, name: str) -> np.ndarray:
        """Compute the area under ``deletion`` or ``insertion`` of each photograph; shape (n,)."""
        return np.asarray(np.trapezoid(getattr(self, name), SHARES, axis=1))


@dataclass(frozen=True)
class LocalisationScores:
    """Localisation scores of n maps, by method or control."""

    mass: dict[str, np.ndarray]
    """Shares of the positive attribution that lie inside, shape (n,)."""
    pointing: dict[str, np.ndarray]
    """Whether the maximum is inside, bool of shape (n,)."""
    area: np.ndarray
    """Share of the picture that each outline covers, shape (n,); empty without outlines."""


@dataclass(frozen=True)
class RobustnessScores:
    """Measurements that need many explanations of few photographs, by method."""

    infidelity: dict[str, np.ndarray]
    """Shape (n,)."""
    max_sensitivity: dict[str, np.ndarray]
    """Shape (n,)."""
    randomised: dict[str, np.ndarray]
    """Rank correlation with the map of the trained network, shape (n, number of stages)."""


@dataclass(frozen=True)
class BaselineScores:
    """Integrated Gradients from one baseline, on n photographs."""

    curves: PerturbationCurves
    incompleteness: np.ndarray
    """Shape (n,)."""


@dataclass(frozen=True)
class StudyResult:
    """All measurements."""

    curves: dict[str, PerturbationCurves]
    """Curves of methods and controls."""
    incompleteness: dict[str, np.ndarray]
    """Relative convergence delta of complete methods, shape (n,)."""
    repeated: RobustnessScores
    located: dict[str, LocalisationScores]
    """Localisation on ``real``, ``synthetic`` and ``artefact`` pictures."""
    accuracy: float
    """Accuracy of the model that learned the artefact."""
    held_out: int
    """Number of photographs of that accuracy."""
    baselines: dict[str, BaselineScores]
    cost: dict[str, Any]
    """From :func:`training.explaining.cost.measure`."""

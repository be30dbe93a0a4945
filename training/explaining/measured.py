"""What was measured: a number a photograph of everything, by method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.explaining.curves import SHARES, Curves


@dataclass(frozen=True)
class Drawn:
    """Curves of n photographs, each of shape (n, 17)."""

    deletion: np.ndarray
    insertion: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Curves]) -> Drawn:
        """Curves of single photographs, one after the other."""
        return cls(
            np.stack([row.deletion for row in rows]), np.stack([row.insertion for row in rows])
        )

    def areas(self, name: str) -> np.ndarray:
        """Under ``deletion`` or ``insertion`` of each photograph, by trapezoids; shape (n,)."""
        return np.asarray(np.trapezoid(getattr(self, name), SHARES, axis=1))


@dataclass(frozen=True)
class Located:
    """How n maps lie in their outlines, by method or control."""

    mass: dict[str, np.ndarray]
    """Shares of the positive attribution that lie inside, shape (n,)."""
    pointing: dict[str, np.ndarray]
    """Whether the maximum does, bool of shape (n,)."""
    area: np.ndarray
    """Share of the picture that each outline covers, shape (n,); empty: there is none."""


@dataclass(frozen=True)
class Repeated:
    """Of methods that are asked again and again about few photographs, by method."""

    infidelity: dict[str, np.ndarray]
    """Shape (n,)."""
    max_sensitivity: dict[str, np.ndarray]
    """Shape (n,)."""
    randomised: dict[str, np.ndarray]
    """Rank correlation with the map of the trained network, shape (n, number of stages)."""


@dataclass(frozen=True)
class Started:
    """Integrated Gradients from one baseline, on n photographs."""

    curves: Drawn
    incompleteness: np.ndarray
    """Shape (n,)."""


@dataclass(frozen=True)
class Measured:
    """All of it."""

    curves: dict[str, Drawn]
    """Of methods and controls."""
    incompleteness: dict[str, np.ndarray]
    """Of complete methods: how far a map's sum misses the difference of the logits, relative to
    it, shape (n,)."""
    repeated: Repeated
    located: dict[str, Located]
    """``real``, ``synthetic`` and ``artefact``."""
    accuracy: float
    """Of the model that learned the artefact."""
    held_out: int
    """Photographs that this is of."""
    baselines: dict[str, Started]
    cost: dict[str, Any]
    """From :func:`training.explaining.cost.measure`."""

"""What a method is asked, within which time, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import torch


class OutOfTimeError(RuntimeError):
    """A method used up its time; there is no attribution."""


class Budget:
    """The time of one explanation."""

    def __init__(self, seconds: float, clock: Callable[[], float] = perf_counter) -> None:
        """The time begins now.

        Args:
            seconds: that the explanation may take.
            clock: in seconds.
        """
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def check(self) -> None:
        """Between two steps: raise OutOfTimeError where the time is over."""
        if self._clock() > self._end:
            raise OutOfTimeError(f"not done within {self.seconds:g} s")


@dataclass(frozen=True)
class Question:
    """Why a model answers so on one photograph."""

    model: Any
    """Called on inputs of shape (n, 3, 224, 224), gives logits of shape (n, 2); has a submodule
    ``head`` that gives the same from activations of shape (n, 512, 7, 7)."""
    inputs: torch.Tensor
    """float32 of shape (1, 3, 224, 224)."""
    activations: torch.Tensor
    """Of the pass that answered it, before pooling, shape (1, 512, 7, 7)."""
    target: int
    """Class whose logit is explained."""
    budget: Budget = field(default_factory=lambda: Budget(float("inf")))

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """One step of a method: the model on n changed copies, logits of shape (n, 2).

        Raises:
            OutOfTimeError: there is no time left for it.
        """
        self.budget.check()
        return self.model(inputs)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Attribution:
    """How much each region of a photograph increases (above 0) or decreases the target's score."""

    values: np.ndarray
    """float32 of shape (h, w), in units of the target's logit."""
    steps: int
    """Times the model was run, forward or forward and back; 0, it was not."""
    convergence_delta: float | None = None
    """For path methods: sum of the attributions minus the difference of the logits."""

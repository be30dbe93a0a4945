"""Model, input, time budget and result of an attribution method."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import torch

from handlers.orientations import Orientation
from handlers.prediction import Forward


class OutOfTimeError(RuntimeError):
    """A method has exceeded its time budget; there is no attribution."""


class Budget:
    """Time budget of one explanation."""

    def __init__(self, seconds: float, clock: Callable[[], float] = perf_counter) -> None:
        """Start the time budget.

        Args:
            seconds: that the explanation may take.
            clock: in seconds.
        """
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def check(self) -> None:
        """Check the time between two steps; raises OutOfTimeError."""
        if self._clock() > self._end:
            raise OutOfTimeError(f"not done within {self.seconds:g} s")


Served = Callable[[Orientation | None], Callable[[torch.Tensor], torch.Tensor] | None]
"""Function from the orientation of a photograph to the served network, if there is one."""


@dataclass(frozen=True)
class AttributionTask:
    """The prediction of one photograph that is to be explained."""

    model: Any
    """Called on inputs of shape (n, 3, side, side), gives logits of shape (n, 2), with gradients;
    has a submodule ``head`` that gives logits from activations of shape (n, width, h, w)."""
    inputs: torch.Tensor
    """float32 of shape (1, 3, side, side)."""
    activations: torch.Tensor
    """Activations of the prediction before pooling, shape (1, width, h, w)."""
    target: int
    """Class whose logit is explained."""
    budget: Budget = field(default_factory=lambda: Budget(float("inf")))
    served: Callable[[torch.Tensor], torch.Tensor] | None = None
    """The network that predicts, if there is one: from inputs of shape (n, 3, side, side) to logits
    of shape (n, 2), like ``model`` but faster and without gradients."""

    @classmethod
    def of(
        cls,
        model: Any,
        inputs: torch.Tensor,
        forward: Forward,
        target: int,
        budget: Budget,
        served: Served = lambda orientation: None,
    ) -> AttributionTask:
        """Make the task for one photograph in the orientation in which it was predicted.

        Args:
            model: as the attribute, but without an orientation.
            inputs: shape (1, 3, side, side).
            forward: the photograph's prediction.
            target: class whose logit is explained.
            budget: of time.
            served: returns the served network for an orientation.
        """
        orientation = next(iter(forward.orientations), None)
        seen = Oriented(model, orientation) if orientation else model
        return cls(seen, inputs, forward.activations, target, budget, served(orientation))

    def scores(self, inputs: torch.Tensor) -> torch.Tensor:
        """Run one forward step: the served network on n modified copies, logits of shape (n, 2).

        Raises:
            OutOfTimeError: there is no time left for it.
        """
        self.budget.check()
        run = self.served or self.model
        return run(inputs)

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """Run one step of a method: the model on n modified copies, logits of shape (n, 2).

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
    """Number of forward passes, with or without a backward pass; 0 if the model was not run."""
    convergence_delta: float | None = None
    """For path methods: sum of the attributions minus the difference of the logits."""


class Oriented:
    """A network that sees pictures in one orientation; gradients come back in the pictures' own."""

    def __init__(self, model: Any, orientation: Orientation) -> None:
        """Take the network without copying it."""
        self.head = model.head
        self._model = model
        self._orientation = orientation

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Compute logits of shape (n, 2) of inputs of shape (n, 3, side, side)."""
        return self._model(self._orientation.apply(inputs))  # type: ignore[no-any-return]


class FrozenModel:
    """A frozen copy of the model, for methods that run it dozens of times; same results.

    It has the memory layout in which convolutions are fastest. Freezing folds batch normalisation
    into the convolutions, and no gradients of weights are computed.
    """

    def __init__(self, model: Any) -> None:
        """Copy a module with a submodule ``head``; it is not changed."""
        self.head = model.head
        own = _scripted(copy.deepcopy(model)).to(memory_format=torch.channels_last)
        for parameter in own.parameters():
            parameter.requires_grad_(False)
        with warnings.catch_warnings():
            # The archive's format: TorchServe runs TorchScript, deprecated or not.
            warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
            self._run = torch.jit.freeze(own.eval())

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Compute logits of shape (n, 2) of inputs of shape (n, 3, side, side)."""
        return self._run(inputs.contiguous(memory_format=torch.channels_last))  # type: ignore[no-any-return]


def _scripted(model: Any) -> Any:
    if isinstance(model, torch.jit.ScriptModule):
        return model
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
        return torch.jit.script(model.eval())

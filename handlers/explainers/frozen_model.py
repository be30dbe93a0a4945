"""A copy of the model for methods that run it dozens of times, forward and back."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import torch


class FrozenModel:
    """A frozen copy in the memory layout in which convolutions are fastest; same results.

    Freezing folds batch normalisation into the convolutions, and no gradients of weights are
    computed.
    """

    def __init__(self, model: Any) -> None:
        """Copy a TorchScript module with a submodule ``head``; it is not changed."""
        self.head = model.head
        own = copy.deepcopy(model).to(memory_format=torch.channels_last)
        for parameter in own.parameters():
            parameter.requires_grad_(False)
        with warnings.catch_warnings():
            # The archive's format: TorchServe runs TorchScript, deprecated or not.
            warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
            self._run = torch.jit.freeze(own.eval())

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Compute logits of shape (n, 2) of inputs of shape (n, 3, 224, 224)."""
        return self._run(inputs.contiguous(memory_format=torch.channels_last))  # type: ignore[no-any-return]

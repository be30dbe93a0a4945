"""The network of an archive in parts: its stages, as TorchScript or as a ``torch.export`` program.

``model.pt2`` is what :func:`torch.export.save` writes: the weights of ``model.pt`` in the format
that succeeds TorchScript.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Final

import torch

PROGRAM: Final = "model.pt2"
"""Name in the archive."""


def load_program(path: Path) -> Any:
    """Load a program as a module with the submodules ``features`` and ``head``, like ``model.pt``.

    ``torch.export.load(path).module()`` computes the same, but cannot be called in parts. Loading
    imports PyTorch's tracing and SymPy: seconds and many megabytes, so only on request.

    Args:
        path: of ``model.pt2``.

    Raises:
        FileNotFoundError: there is none.
    """
    with warnings.catch_warnings():
        # Of PyTorch about the steps of its own conversion.
        warnings.filterwarnings("ignore", message="Attempted to insert a get_attr Node")
        return torch.export.unflatten(torch.export.load(path))


class TwoStages(torch.nn.Module):
    """The activations of the last two stages, side by side on the grid of the earlier one."""

    def __init__(self, before: torch.nn.Module, last: torch.nn.Module) -> None:
        """Take everything before the last stage, and the last stage, without copying them."""
        super().__init__()
        self.before = before
        self.last = last

    @classmethod
    def of(cls, model: Any) -> TwoStages:
        """Take the stages of a module with the submodule ``features``."""
        *before, last = model.features.children()
        return cls(torch.nn.Sequential(*before), last)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """From (n, 3, side, side) to (n, width, side / 16, side / 16), the last stage first."""
        earlier = self.before(inputs)
        last = self.last(earlier)
        # Each cell of the last stage covers two by two cells of the other: means are unchanged.
        repeated = last.repeat_interleave(2, 2).repeat_interleave(2, 3)
        # Not torch.cat: TorchScript's gradient of it fails in inference mode.
        halves = repeated.unflatten(1, (2, earlier.shape[1]))
        return torch.stack([halves[:, 0], halves[:, 1], earlier], dim=1).flatten(1, 2)


def stages_of(model: Any, stages: int) -> Any:
    """Return the convolutions of a loaded ``model.pt`` up to its last or its last two stages."""
    if stages == 1:
        return model.features
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
        return torch.jit.script(TwoStages.of(model).eval())

"""The network of an archive in parts: its stages, and the final layers of its variants.

``model.pt2`` is what ``torch.export.save`` writes: the weights of ``model.pt`` in the format
that succeeds TorchScript.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from handlers.variants import FittedVariant


def load_torchscript(folder: Path) -> Any:
    """Load the TorchScript of an archive's folder, ready to predict; raises RuntimeError."""
    with warnings.catch_warnings():
        # The archive's format: TorchServe runs TorchScript, deprecated or not.
        warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
        return torch.jit.load(folder / "model.pt", map_location="cpu").eval()


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


class TwoStages(nn.Module):
    """The activations of the last two stages, side by side on the grid of the earlier one."""

    def __init__(self, before: nn.Module, last: nn.Module) -> None:
        """Take everything before the last stage, and the last stage, without copying them."""
        super().__init__()
        self.before = before
        self.last = last

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """From (n, 3, side, side) to (n, width, side / 16, side / 16), the last stage first."""
        earlier = self.before(inputs)
        halves = self.repeated(earlier).unflatten(1, (2, earlier.shape[1]))
        # Not torch.cat: TorchScript's gradient of it fails in inference mode.
        return torch.stack([halves[:, 0], halves[:, 1], earlier], dim=1).flatten(1, 2)

    def repeated(self, earlier: torch.Tensor) -> torch.Tensor:
        """From the earlier stage (n, c, h, w) to the last one on its grid, (n, width, h, w)."""
        # Each cell of the last stage covers two by two cells of the other: means are unchanged.
        return self.last(earlier).repeat_interleave(2, 2).repeat_interleave(2, 3)  # type: ignore[no-any-return]


class TwoStagesTuned(TwoStages):
    """The same where the last stage runs in its original and a fitted version in parallel.

    A separate class: OpenVINO converts no list of a length that the weights decide.
    """

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """From (n, 3, side, side) to (n, width, side / 16, side / 16), the last stage first."""
        earlier = self.before(inputs)
        parts = self.repeated(earlier).unflatten(1, (4, earlier.shape[1]))
        one, two, three, four = parts[:, 0], parts[:, 1], parts[:, 2], parts[:, 3]
        return torch.stack([one, two, three, four, earlier], dim=1).flatten(1, 2)


def last_stages(features: Any, stages: int) -> Any:
    """Return a module that computes the activations of the last or the last two stages.

    Args:
        features: the convolutions, a module of the stages in their order; not copied.
        stages: 1 or 2.
    """
    if stages == 1:
        return features
    *before, last = features.children()
    kind = TwoStagesTuned if hasattr(last, "fitted") else TwoStages
    return kind(nn.Sequential(*before), last).eval()


def stages_of(model: Any, stages: int) -> Any:
    """Return :func:`last_stages` of a loaded ``model.pt``, as TorchScript."""
    if stages == 1:
        return model.features
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
        return torch.jit.script(last_stages(model.features, stages))


def variant_head(fitted: FittedVariant) -> nn.Sequential:
    """Return a variant's module from activations (n, width, h, w) to logits (n, 2)."""
    return head_of(final_layer(np.asarray(fitted.weights), fitted.bias))


def head_of(layer: nn.Linear) -> nn.Sequential:
    """Return the head with this final layer: from activations (n, width, h, w) to logits."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(1), layer).eval()


def final_layer(weights: np.ndarray, bias: float) -> nn.Linear:
    """Return log-odds of cancer as a layer of two logits, ``no cancer`` and ``cancer``.

    Half the log-odds each, with opposite signs: the softmax is the same, and an explanation of
    either class has a gradient to follow.

    Args:
        weights: of the log-odds, shape (width,).
        bias: of the log-odds.
    """
    layer = nn.Linear(len(weights), 2)
    with torch.no_grad():
        half = torch.from_numpy(weights / 2).float()
        layer.weight.copy_(torch.stack([-half, half]))
        layer.bias.copy_(torch.tensor([-bias / 2, bias / 2]))
    return layer.requires_grad_(False)


class VariantNetwork(nn.Module):
    """Float32 network of a variant, for gradients: TorchScript's stages with the variant's head."""

    def __init__(self, stages: Any, head: nn.Module) -> None:
        """Take both without copying them.

        Args:
            stages: from inputs (n, 3, side, side) to activations (n, width, h, w).
            head: from activations to logits (n, 2).
        """
        super().__init__()
        self.features = stages
        self.head = head

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Compute logits of shape (n, 2) of inputs of shape (n, 3, side, side)."""
        return self.head(self.features(inputs))  # type: ignore[no-any-return]

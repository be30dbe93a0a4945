"""Plain TorchScript, split so that the activations before pooling can be reached.

Checked against the eager model at every export; a difference ends the run.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from handlers.imaging import centre_view, decode, to_tensor
from handlers.variants import head_of
from training.backbone import Backbone
from training.dataset import Photograph
from training.files import atomic_write
from training.head import Head

TOLERANCE = 1e-5
"""Largest difference of a probability between TorchScript and eager."""


class ParityError(RuntimeError):
    """The exported model gives other predictions than the original one."""


class SplitResNet(nn.Module):
    """``features``: (n, 3, 224, 224) to (n, width, 7, 7); ``head``: that to logits (n, 2)."""

    def __init__(self, features: nn.Module, layer: nn.Linear) -> None:
        """Take the convolutions and the final layer."""
        super().__init__()
        self.features = features
        self.head = head_of(layer)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits of shape (n, 2) of normalised photographs of shape (n, 3, 224, 224)."""
        return self.head(self.features(inputs))  # type: ignore[no-any-return]


def export(backbone: Backbone, head: Head, path: Path, check: Sequence[Photograph]) -> float:
    """Write ``model.pt`` and check that it predicts as the eager model does.

    Args:
        backbone: the frozen network.
        head: the fitted final layer.
        path: of the file.
        check: photographs to compare the answers on.

    Returns:
        The largest difference of a probability over the photographs.

    Raises:
        ParityError: it is above 1e-5; nothing is written then.
    """
    eager = SplitResNet(backbone.convolutions(), head.layer()).eval()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
        with atomic_write(path) as temporary:
            torch.jit.script(eager).save(str(temporary))
            difference = parity(eager, torch.jit.load(str(temporary)), check)
            if not difference <= TOLERANCE:
                raise ParityError(
                    f"TorchScript and eager differ by {difference:.1e} in a probability (at most "
                    f"{TOLERANCE:.0e} is accepted, over {len(check)} photographs): not exported"
                )
    return difference


def parity(eager: nn.Module, script: Any, photographs: Sequence[Photograph]) -> float:
    """Return the largest difference of P(cancer) between two models over photographs."""
    inputs = torch.stack(
        [to_tensor(centre_view(decode(photo.path.read_bytes()))) for photo in photographs]
    )
    with torch.inference_mode():
        one, two = (
            torch.cat([torch.softmax(model(part), dim=1)[:, 1] for part in inputs.split(8)])
            for model in (eager, script)
        )
    return float((one - two).abs().max())

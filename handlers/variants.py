"""Serving variants: numerics, input side, stages pooled and orientations, each with its own fit.

A variant's final layer, temperature, threshold, uncertainty band and drift baseline were fitted on
the features that this very variant computes (``training.variants``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from handlers.backends import NUMERICS
from handlers.card import OperatingPoint
from handlers.documents import read
from handlers.drift import Baseline
from handlers.orientations import FLIPS

FOLDER: Final = "variants"
"""Folder of the archive with one document per variant."""
STRIDE: Final = 32
"""Pixels of the input per cell of the last stage: the input side is a multiple of it."""
_NAME: Final = re.compile(
    r"(?P<numerics>[a-z0-9]+)-(?P<side>\d+)px-(?P<stages>[12])stages?"
    r"-(?:(?P<upright>upright)|(?P<orientations>\d)orientations?)"
)


@dataclass(frozen=True)
class Variant:
    """What the network computes in, what it sees, and what its final layer is fitted on."""

    numerics: str
    """``float32``, ``bf16`` or ``int8``."""
    side: int
    """Pixels per side of the input."""
    stages: int
    """1: the last stage is pooled; 2: the last two, side by side."""
    orientations: int
    """Orientations whose features are averaged, from the canonical one; 0: as photographed."""

    @property
    def name(self) -> str:
        """Return the name, for settings, answers and the card."""
        stages = "1stage" if self.stages == 1 else f"{self.stages}stages"
        plural = "" if self.orientations == 1 else "s"
        how = f"{self.orientations}orientation{plural}" if self.orientations else "upright"
        return f"{self.numerics}-{self.side}px-{stages}-{how}"

    @classmethod
    def named(cls, name: str) -> Variant:
        """Parse a name; raises ValueError that shows the form."""
        found = _NAME.fullmatch(name)
        if found is not None:
            variant = cls(
                found["numerics"],
                int(found["side"]),
                int(found["stages"]),
                int(found["orientations"] or 0),
            )
            fits = variant.numerics in NUMERICS and variant.side % STRIDE == 0 < variant.side
            known = variant.orientations in (0, 1, 2, len(FLIPS))
            if fits and known and variant.name == name:
                return variant
        raise ValueError(
            f"{name!r} is not a serving variant; an example is int8-224px-2stages-4orientations "
            f"(numerics: {', '.join(NUMERICS)}; side: a multiple of {STRIDE}; 1 or 2 stages; "
            f"1, 2 or {len(FLIPS)} orientations, or upright)"
        )


PORTABLE: Final = Variant("float32", 224, 1, 0)
"""Plain TorchScript, which runs everywhere; every archive has it."""


@dataclass(frozen=True)
class FittedVariant:
    """Document of ``variants/NAME.json``: the final layer of a variant, and how it is read."""

    weights: list[float]
    """Of the log-odds of cancer on the pooled features, the last stage's first."""
    bias: float
    calibration: OperatingPoint
    baseline: Baseline

    def head(self) -> nn.Sequential:
        """Return the module from activations (n, width, h, w) to logits (n, 2)."""
        return head_of(final_layer(np.asarray(self.weights), self.bias))


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


def head_of(layer: nn.Linear) -> nn.Sequential:
    """Return the head with this final layer: from activations (n, width, h, w) to logits."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(1), layer).eval()


def path_of(folder: Path, variant: Variant) -> Path:
    """Return the document of a variant in an archive's folder."""
    return folder / FOLDER / f"{variant.name}.json"


def fitted(folder: Path, variant: Variant) -> FittedVariant:
    """Read the document of a variant.

    Raises:
        LookupError: the archive does not have this variant; the message names those it has.
        ValueError: the document is damaged.
    """
    path = path_of(folder, variant)
    try:
        return read(path, FittedVariant)
    except FileNotFoundError:
        names = sorted(found.stem for found in (folder / FOLDER).glob("*.json"))
        known = ", ".join([*names, PORTABLE.name])
        raise LookupError(
            f"the archive has no serving variant {variant.name}; it has: {known}"
        ) from None


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

"""torchvision's ResNet-18, frozen, and the sources of its weights."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torchvision.models import ResNet, ResNet18_Weights, resnet18

from training.errors import TrainingError


class ParallelStages(nn.Module):
    """A stage in its original and its fitted version in parallel: their channels concatenated."""

    def __init__(self, first: nn.Module, fitted: nn.Module) -> None:
        """Take both stages without copying them."""
        super().__init__()
        self.first = first
        self.fitted = fitted

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """From (n, 256, 14, 14) to (n, 1024, 7, 7): the first half is from the original stage."""
        # Not torch.cat: TorchScript's gradient of it fails in inference mode.
        return torch.stack([self.first(inputs), self.fitted(inputs)], dim=1).flatten(1, 2)


class WeightsError(TrainingError):
    """The weights cannot be used; the message names the file and what was expected."""


@dataclass(frozen=True)
class Backbone:
    """A frozen ResNet-18 in eval mode; its ``layer4`` may be a :class:`ParallelStages`."""

    network: ResNet
    source: str
    """``weights`` (a user's file), ``imagenet`` or ``untrained``."""

    @property
    def digest(self) -> str:
        """sha256 over every tensor except the final layer's, which the head replaces."""
        total = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            if not name.startswith("fc."):
                total.update(name.encode())
                total.update(tensor.contiguous().numpy().tobytes())
        return total.hexdigest()

    def convolutions(self) -> nn.Sequential:
        """All layers before pooling: (n, 3, 224, 224) to (n, width, 7, 7)."""
        return nn.Sequential(*list(self.network.children())[:-2])

    def extractor(self) -> Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
        """The same in two parts, compiled: fused layers make each pass faster.

        Returns:
            A function from views of shape (n, 3, 224, 224) to what goes into ``layer4``, shape
            (n, 256, 14, 14), and to pooled features, shape (n, width). Several threads may call it.
        """
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
            # Not the size of a photograph: convolutions accept any.
            traced = torch.jit.trace(
                _Parts(self.network).eval(), torch.zeros(1, 3, 32, 32), check_trace=False
            )
            return torch.jit.optimize_for_inference(traced)


class _Parts(nn.Module):
    """A network without its final layer that also returns the input of ``layer4``."""

    def __init__(self, network: ResNet) -> None:
        super().__init__()
        self.stem = nn.Sequential(*list(network.children())[:-3])
        self.layer4 = network.layer4

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        before = self.stem(inputs)
        return before, self.layer4(before).mean(dim=(2, 3))


def load(weights: Path | None, seed: int, say: Callable[[str], None]) -> Backbone:
    """Load the configured weights, else torchvision's, else leave the backbone untrained.

    Raises:
        WeightsError: the file named is missing or is not a ResNet-18 state dict.
    """
    torch.manual_seed(seed)  # of the untrained backbone
    network = resnet18(weights=None)
    if weights is not None:
        network.load_state_dict(_read(weights, network))
        source = "weights"
    else:
        try:
            network.load_state_dict(ResNet18_Weights.IMAGENET1K_V1.get_state_dict(check_hash=True))
            source = "imagenet"
        except (OSError, RuntimeError) as error:
            source = "untrained"
            say(
                f"ImageNet weights cannot be downloaded ({type(error).__name__}): the backbone "
                "stays UNTRAINED. Set LESIONLENS_WEIGHTS to a ResNet-18 state dict."
            )
    network.eval().requires_grad_(False)
    return Backbone(network, source)


def _read(path: Path, network: ResNet) -> dict[str, torch.Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises a dozen kinds of exception on invalid files
        raise WeightsError(
            f"LESIONLENS_WEIGHTS={path} cannot be read as a state dict ({type(error).__name__})"
        ) from error
    expected = network.state_dict()
    # The final layer is replaced, so another number of classes is accepted.
    wrong = [
        name
        for name, tensor in expected.items()
        if not name.startswith("fc.")
        and (not isinstance(state, dict) or getattr(state.get(name), "shape", None) != tensor.shape)
    ]
    if wrong:
        raise WeightsError(
            f"LESIONLENS_WEIGHTS={path} is not a ResNet-18 state dict with torchvision's names: "
            f"{len(wrong)} tensors are missing or of another shape, the first is {wrong[0]}"
        )
    broken = [
        name
        for name in expected
        if not name.startswith("fc.")
        and (state[name].is_complex() or not state[name].isfinite().all())
    ]
    if broken:
        raise WeightsError(
            f"LESIONLENS_WEIGHTS={path} holds numbers that are not finite or not real: {broken[0]}"
        )
    return {name: state[name] for name in expected if not name.startswith("fc.")} | {
        name: tensor for name, tensor in expected.items() if name.startswith("fc.")
    }

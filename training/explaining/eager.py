"""The archived network as an eager module, whose parts can be replaced."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import nn
from torchvision.models import resnet18

from handlers.classifier import LABELS
from handlers.explainers.task import AttributionTask
from training.backbone import Backbone, ParallelStages
from training.export import SplitResNet
from training.features import WIDTH


def eager_of(model: Any) -> SplitResNet:
    """Build an eager copy of a TorchScript module from ``training.export``, with its weights."""
    state = model.state_dict()
    with torch.random.fork_rng():  # random weights, which are replaced
        network = _drawn(any(name.startswith("features.7.fitted.") for name in state))
    network.load_state_dict(state)
    return network


def untrained(seed: int, like: SplitResNet) -> SplitResNet:
    """Build a network with random initial weights.

    Args:
        seed: of its weights.
        like: has one last stage, or two in parallel.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return _drawn(isinstance(cast(nn.Sequential, like.features)[7], ParallelStages))


def with_head(network: SplitResNet, layer: nn.Linear) -> SplitResNet:
    """Combine the same convolutions, not copied, with another final layer."""
    return SplitResNet(network.features, layer).eval()


class Frozen:
    """A copy of a network that later changes do not affect.

    Eager, a tenth slower than TorchScript: modules made by torch.jit.freeze are never released, and
    there is a new network for every stage of every photograph.
    """

    def __init__(self, network: SplitResNet) -> None:
        """Copy it into the memory layout in which convolutions are fastest."""
        self._network = copy.deepcopy(network).to(memory_format=torch.channels_last)

    def task(self, inputs: torch.Tensor, target: int) -> AttributionTask:
        """Make an attribution task for this network.

        Args:
            inputs: shape (1, 3, 224, 224).
            target: class that is explained.
        """
        with torch.inference_mode():
            activations = self._network.features(inputs)
        return AttributionTask(self._network, inputs, activations, target)


def _drawn(parallel: bool) -> SplitResNet:
    network, width = resnet18(weights=None), WIDTH
    if parallel:
        added = resnet18(weights=None).layer4
        network.layer4, width = ParallelStages(network.layer4, added), 2 * WIDTH
    convolutions = Backbone(network, "untrained").convolutions()
    layer = nn.Linear(width, len(LABELS))
    return SplitResNet(convolutions, layer).eval().requires_grad_(False)

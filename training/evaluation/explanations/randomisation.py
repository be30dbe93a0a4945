"""Model randomisation test, cascading (Adebayo et al. 2018).

A map that does not change while the network is replaced by an untrained one, from the head to the
stem, shows the picture and not the model.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast
from zlib import crc32

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn
from torchvision.models import resnet18

from handlers.explainers.task import AttributionTask, Budget
from handlers.labels import LABELS
from handlers.network import VariantNetwork, head_of, last_stages
from handlers.orientations import run_oriented
from handlers.prediction import Forward
from handlers.variants import PORTABLE, Variant
from training.backbone import Backbone, ParallelStages
from training.evaluation.explanations.subjects import Explained, Subject
from training.export import SplitResNet
from training.features import WIDTH

STAGES: Final[Mapping[str, tuple[int, ...]]] = {
    "head": (),
    "layer4": (7,),
    "layer3": (6,),
    "layer2": (5,),
    "layer1": (4,),
    "stem": (0, 1),
}
"""Stages in the order in which they are replaced, with their indices in
``SplitResNet.features``."""
MOST: Final = 0.5
"""Rank correlation with the map of the trained network, above which a method fails. An untrained
network still transmits edges, so its map resembles the picture to some degree; more than half is no
longer about the model."""


def cascade(explained: Explained, subject: Subject) -> Iterator[tuple[str, AttributionTask]]:
    """Yield tasks for networks with one more untrained stage each time.

    Every photograph gets a different untrained network: a single one can resemble the trained one,
    or its reverse, by chance.

    Args:
        explained: the trained model; it is not changed.
        subject: the photograph; the target stays what the trained network answered.

    Yields:
        The stage that was exchanged last, and the question.
    """
    variant, seed = explained.classifier.variant, crc32(subject.name.encode())
    convolutions = eager_of(explained.plain)
    fresh = untrained(seed, convolutions)
    features = cast(nn.Sequential, convolutions.features)
    others = cast(nn.Sequential, fresh.features)
    head = _head_of(explained, convolutions)
    for stage, places in STAGES.items():
        if stage == "head":
            head = fresh.head if variant.stages == 1 else _untrained_head(head, seed)
        for place in places:
            features[place] = others[place]
        network = VariantNetwork(last_stages(features, variant.stages), head)
        yield stage, Frozen(network, variant).task(subject.inputs, subject.target)


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation of two maps of one shape; 0 for a constant map."""
    flat = one.ravel(), other.ravel()
    if any(np.ptp(values) == 0 for values in flat):
        return 0.0
    return float(spearmanr(*flat).statistic)


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


def network_of(explained: Explained) -> VariantNetwork:
    """Build the float32 network of the explained variant, eager."""
    plain = eager_of(explained.plain)
    stages = last_stages(plain.features, explained.classifier.variant.stages)
    return VariantNetwork(stages, _head_of(explained, plain)).eval()


def _head_of(explained: Explained, plain: SplitResNet) -> nn.Module:
    """Return the head of the explained variant; that of plain TorchScript from its eager copy."""
    own: nn.Module = explained.model.head
    return plain.head if explained.classifier.variant == PORTABLE else own


def with_head(network: VariantNetwork, layer: nn.Linear) -> VariantNetwork:
    """Combine the same convolutions, not copied, with another final layer."""
    return VariantNetwork(network.features, head_of(layer)).eval()


class Frozen:
    """A copy of a network that later changes do not affect.

    Eager, a tenth slower than TorchScript: modules made by torch.jit.freeze are never released, and
    there is a new network for every stage of every photograph.
    """

    def __init__(self, network: VariantNetwork, variant: Variant) -> None:
        """Copy it into the memory layout in which convolutions are fastest.

        Args:
            network: of the variant, or like it.
            variant: gives the orientations.
        """
        self._network = copy.deepcopy(network).to(memory_format=torch.channels_last)
        self._orientations = variant.orientations

    def task(self, inputs: torch.Tensor, target: int) -> AttributionTask:
        """Make an attribution task for this network.

        Args:
            inputs: shape (1, 3, 224, 224).
            target: class that is explained.
        """
        with torch.inference_mode():
            forward = self._forward(inputs)
        return AttributionTask.of(self._network, inputs, forward, target, Budget(float("inf")))

    def _forward(self, inputs: torch.Tensor) -> Forward:
        if not self._orientations:
            activations = self._network.features(inputs)
            return Forward(activations, self._network.head(activations))
        orientation, maps = run_oriented(inputs[0], self._orientations, self._network.features)
        activations = orientation.mapped_back(maps).mean(dim=0, keepdim=True)
        return Forward(activations, self._network.head(activations), None, (orientation,))


def _untrained_head(head: nn.Module, seed: int) -> nn.Module:
    """Build a head of the same width with random weights."""
    layer = cast(nn.Linear, list(head.children())[-1])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return head_of(nn.Linear(layer.in_features, layer.out_features))


def _drawn(parallel: bool) -> SplitResNet:
    network, width = resnet18(weights=None), WIDTH
    if parallel:
        added = resnet18(weights=None).layer4
        network.layer4, width = ParallelStages(network.layer4, added), 2 * WIDTH
    convolutions = Backbone(network, "untrained").convolutions()
    layer = nn.Linear(width, len(LABELS))
    return SplitResNet(convolutions, layer).eval().requires_grad_(False)

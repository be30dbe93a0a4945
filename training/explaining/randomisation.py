"""Model randomisation test, cascading (Adebayo et al. 2018).

A map that does not change while the network is replaced by an untrained one, from the head to the
stem, shows the picture and not the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast
from zlib import crc32

import numpy as np
from scipy.stats import spearmanr
from torch import nn

from handlers.explainers.task import AttributionTask
from training.explaining.eager import Frozen, eager_of, untrained
from training.explaining.subjects import Subject

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


def cascade(model: Any, subject: Subject) -> Iterator[tuple[str, AttributionTask]]:
    """Yield tasks for networks with one more untrained stage each time.

    Every photograph gets a different untrained network: a single one can resemble the trained one,
    or its reverse, by chance.

    Args:
        model: the TorchScript module; it is not changed.
        subject: the photograph; the target stays what the trained network answered.

    Yields:
        The stage that was exchanged last, and the question.
    """
    network = eager_of(model)
    fresh = untrained(crc32(subject.name.encode()), network)
    features = cast(nn.Sequential, network.features)
    others = cast(nn.Sequential, fresh.features)
    for stage, places in STAGES.items():
        if stage == "head":
            network.head = fresh.head
        for place in places:
            features[place] = others[place]
        yield stage, Frozen(network).task(subject.inputs, subject.target)


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation of two maps of one shape; 0 for a constant map."""
    flat = one.ravel(), other.ravel()
    if any(np.ptp(values) == 0 for values in flat):
        return 0.0
    return float(spearmanr(*flat).statistic)

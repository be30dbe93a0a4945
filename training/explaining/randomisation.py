"""Model randomisation, cascading (Adebayo et al. 2018).

A map that stays as it was while the network is replaced by an untrained one, from the head to the
stem, shows the picture, not the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast
from zlib import crc32

import numpy as np
from scipy.stats import spearmanr
from torch import nn

from handlers.explainers.question import Question
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
"""In the order in which they are exchanged, with their places in ``SplitResNet.features``."""
MOST: Final = 0.5
"""Rank correlation with the map of the trained network, above which a method does not react. An
untrained network still passes on where the picture has edges and where it is flat, so a map of it
owes some resemblance to the picture alone; more than half is no more about the model."""


def cascade(model: Any, subject: Subject) -> Iterator[tuple[str, Question]]:
    """The same question to the network with one stage more untrained each time.

    Every photograph draws an untrained network of its own: one draw alone can resemble the
    trained one, or its reverse, by chance.

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
        yield stage, Frozen(network).question(subject.inputs, subject.target)


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's, of two maps of one shape; a map that is the same everywhere resembles none."""
    flat = one.ravel(), other.ravel()
    if any(np.ptp(values) == 0 for values in flat):
        return 0.0
    return float(spearmanr(*flat).statistic)

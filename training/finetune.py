"""Fine-tune the last stage of the network and the final layer.

The original stage is kept in parallel to the fitted one, and the log-odds are the mean of both. On
so few photographs a fitted stage is not better than the original, but it makes different errors:
together they are better than either (an ensemble in output space, Wortsman et al. 2022, by a
network in parallel to the frozen one, Zhang et al. 2020).

The input of ``layer4`` does not change, so it is computed once and cached: a step costs a fifth of
one through the whole network, which is affordable on two cores.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from training.backbone import Backbone, ParallelStages
from training.dataset import Progress
from training.features import VIEWS, Activations
from training.head import FittedHead, Head, HeadRecipe
from training.optimise import Batch, Examples, Plan, Scorer, optimise, pooled
from training.tuned import Tuned

PLAN: Final = Plan(epochs=5, rate=1e-4, average=0.97, mixup=0.4)
"""Nothing is held out for early stopping: the learning rate decays to zero.
``docs/explanation/model.md`` lists what else was tried."""


@dataclass(frozen=True)
class FittedLayer4:
    """A new ``layer4`` in parallel to the original one, and a final layer on both."""

    before: FittedHead
    scorer: Scorer
    """The new stage with its own final layer."""
    activations: Activations

    @property
    def head(self) -> Head:
        """The final layer on the features of both: its log-odds are the mean of theirs."""
        one, other = self.before.head, self.scorer.head
        weights = np.concatenate([one.weights, other.weights]) / 2
        return Head(weights, (one.bias + other.bias) / 2)

    @property
    def backbone(self) -> Backbone:
        """The network with both stages."""
        network = copy.deepcopy(self.before.backbone.network)
        network.layer4 = ParallelStages(network.layer4, copy.deepcopy(self.scorer.body))
        network.eval().requires_grad_(False)
        return Backbone(network, self.before.backbone.source)

    @property
    def tuned(self) -> Tuned:
        """The new stage: its features come after those of the original one."""
        return Tuned(self.scorer.head, len(self.before.head.weights), frozen=True)

    def features(self, places: np.ndarray) -> np.ndarray:
        """Return pooled features of the photographs at these indices, shape (m, 1024)."""
        return self._beside(self.before.features(places), self.activations, places)

    def features_of(self, plain: np.ndarray, activations: Activations) -> np.ndarray:
        """Return pooled features of m other photographs, shape (m, 1024).

        Args:
            plain: what the network gives as it was, shape (m, 512).
            activations: of the same photographs.
        """
        return self._beside(plain, activations, np.arange(len(plain)))

    def _beside(
        self, plain: np.ndarray, activations: Activations, places: np.ndarray
    ) -> np.ndarray:
        fitted = pooled(self.scorer, _batches(activations), places)
        return np.concatenate([plain, fitted], axis=1)


@dataclass(frozen=True)
class Layer4Recipe:
    """Fits ``layer4`` and the final layer."""

    start: HeadRecipe
    """Function that returns the initial final layer."""
    activations: Activations
    progress: Progress
    plan: Plan = PLAN

    def fit(self, learn: np.ndarray, seed: int) -> FittedLayer4:
        """Fit to the photographs at these indices.

        Args:
            learn: places, shape (n,).
            seed: of order, views and blending.
        """
        begin = self.start.fit(learn, seed)
        fitted = optimise(
            Scorer(begin.backbone.network.layer4, begin.head),
            Examples(_batches(self.activations), self.start.labels, (learn, learn[:0])),
            self.plan,
            seed,
            self.progress,
        )
        return FittedLayer4(begin, fitted, self.activations)


def _batches(activations: Activations) -> Batch:
    def batch(places: np.ndarray, rng: np.random.Generator | None) -> torch.Tensor:
        plain = np.zeros(len(places), dtype=int)
        return activations.read(
            places, plain if rng is None else rng.integers(0, len(VIEWS), len(places))
        )

    return batch

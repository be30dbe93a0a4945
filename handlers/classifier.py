"""The TorchScript model and its decision: calibrated probability, label, review flags."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from handlers import backends
from handlers.backends import PLAIN, Backend
from handlers.card import Card
from handlers.documents import read
from handlers.drift import Baseline
from handlers.imaging import SIDE, PreprocessedImage

LABELS: Final = ("no cancer", "cancer")
CANCER: Final = 1
BATCH: Final = 8
"""Photographs in one forward pass, where nothing else is asked for."""
REASONS: Final = ("near_threshold", "unlike_training_data", "low_quality")
"""Reasons for review: why a person must check the photograph."""


class ArchiveError(RuntimeError):
    """A file of the archive is missing or cannot be used; the message names it."""


@dataclass(frozen=True)
class Forward:
    """One forward pass over n photographs."""

    activations: torch.Tensor
    """Before pooling, float32 of shape (n, width, 7, 7): 512 wide, 1024 with a fitted `layer4`."""
    logits: torch.Tensor
    """float32 of shape (n, 2), before calibration."""

    def row(self, index: int) -> Forward:
        """Return the pass of one photograph."""
        return Forward(self.activations[index : index + 1], self.logits[index : index + 1])

    @property
    def features(self) -> np.ndarray:
        """The pooled activations, shape (n, width)."""
        return np.asarray(self.activations.mean(dim=(2, 3)).numpy())


@dataclass(frozen=True)
class Decision:
    """The prediction for one photograph."""

    probability: float
    label: int
    review: bool
    reasons: tuple[str, ...]
    distance: float
    """Distance to the training features, from :class:`handlers.reference.Reference`; 0 to 2, no
    unit."""


@dataclass(frozen=True)
class ClassifiedImage:
    """One photograph with its prediction."""

    image: PreprocessedImage
    forward: Forward
    """The photograph's row of the forward pass, n = 1."""
    decision: Decision

    @property
    def measurements(self) -> dict[str, float]:
        """Image statistics, probability and distance: among them every drift feature."""
        decision = self.decision
        measured = {"probability": decision.probability, "distance": decision.distance}
        return self.image.statistics | measured


class Classifier:
    """A ResNet-18 split before pooling, with its card and its drift baseline."""

    def __init__(
        self, model: Any, card: Card, baseline: Baseline, backend: Backend | None = None
    ) -> None:
        """Take a loaded TorchScript module with submodules ``features`` and ``head``.

        Args:
            model: the module.
            card: of the model.
            baseline: of the training data.
            backend: that runs ``features``; by default the module itself.
        """
        self.model = model
        self.card = card
        self.baseline = baseline
        self.backend = backend or Backend(PLAIN, model.features)
        self.version = card.model_version
        point = card.operating_point(self.backend.name)
        self.threshold, self.temperature = point.threshold, point.temperature
        self._band = point.near_threshold

    @classmethod
    def load(cls, folder: Path, backend: str = PLAIN, threads: int = 1) -> Classifier:
        """Load ``model.pt``, ``card.json`` and ``baseline.json`` from a folder.

        Args:
            folder: the archive, unpacked.
            backend: that runs the convolutions, one of ``handlers.backends.NAMES``; empty,
                the fastest of those the card allows that this machine can run.
            threads: of a forward pass, for backends with separate threads.

        Raises:
            ArchiveError: one of them is missing or cannot be read.
        """
        try:
            card = read(folder / "card.json", Card)
            baseline = read(folder / "baseline.json", Baseline)
            model = cls.model_of(folder)
            chosen = backends.choose(backend, card.backends.order, folder, model, threads)
            return cls(model, card, baseline, chosen)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
            raise ArchiveError(
                f"the archive in {folder} cannot be used ({type(error).__name__}: {error}); "
                "build it again with `make archive`"
            ) from error

    @staticmethod
    def model_of(folder: Path) -> Any:
        """Load the TorchScript module of an archive, ready to predict."""
        with warnings.catch_warnings():
            # The archive's format: TorchServe runs TorchScript, deprecated or not.
            warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
            return torch.jit.load(folder / "model.pt", map_location="cpu").eval()

    def classify(
        self, images: Iterable[PreprocessedImage], batch: int = BATCH
    ) -> Iterator[ClassifiedImage]:
        """Predict photographs in their order: the one path from preprocessed image to decision.

        Args:
            images: from :func:`handlers.imaging.preprocess`; read as they are needed.
            batch: photographs in one forward pass, at most.
        """
        rest = iter(images)
        while chunk := list(islice(rest, batch)):
            forward = self.forward(torch.stack([image.inputs for image in chunk]))
            decisions = self.decide(forward, [image.statistics for image in chunk])
            for row, (image, decision) in enumerate(zip(chunk, decisions, strict=True)):
                yield ClassifiedImage(image, forward.row(row), decision)

    def forward(self, inputs: torch.Tensor) -> Forward:
        """Run the model on inputs of shape (n, 3, 224, 224) from :mod:`handlers.imaging`."""
        with torch.inference_mode():
            activations = self.backend.run(inputs)
            # Row by row: a matrix product rounds differently for different numbers of
            # rows, and an answer must not depend on the other requests of the batch.
            logits = torch.cat([self.model.head(row) for row in activations.split(1)])
        return Forward(activations, logits)

    def warm_up(self) -> None:
        """Run twice on zeros: TorchScript optimises itself during its first runs."""
        for _ in range(2):
            self.forward(torch.zeros(1, 3, SIDE, SIDE))

    def probabilities(self, logits: torch.Tensor) -> np.ndarray:
        """Calibrated P(cancer), shape (n,): softmax at the card's temperature (Guo et al. 2017).

        Rounded to six digits, more than the model can mean.
        """
        scaled = logits.double() / self.temperature
        return np.asarray(torch.softmax(scaled, dim=1)[:, CANCER].numpy().round(6))

    def decide(self, forward: Forward, statistics: Sequence[dict[str, float]]) -> list[Decision]:
        """Turn a forward pass into predictions.

        Args:
            forward: over n photographs.
            statistics: of the same photographs, from :func:`handlers.drift.image_statistics`.
        """
        probabilities = self.probabilities(forward.logits)
        distances = self.baseline.reference.distance(forward.features)
        decisions = []
        for row, measured in enumerate(statistics):
            probability, distance = float(probabilities[row]), float(distances[row])
            reasons = tuple(self._reasons(probability, distance, measured))
            decisions.append(
                Decision(
                    probability=probability,
                    label=int(probability >= self.threshold),
                    review=bool(reasons),
                    reasons=reasons,
                    distance=distance,
                )
            )
        return decisions

    def _reasons(
        self, probability: float, distance: float, measured: dict[str, float]
    ) -> list[str]:
        low, high = self._band
        checks = (
            low <= probability <= high,
            self.baseline.beyond("distance", distance),
            any(self.baseline.beyond(name, measured[name]) for name in measured),
        )
        return [name for name, holds in zip(REASONS, checks, strict=True) if holds]

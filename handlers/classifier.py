"""The TorchScript model and its decision: calibrated probability, label, review flags."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image

from handlers import backends, variants
from handlers.answers import Prediction
from handlers.backends import Backend, Shape, UnavailableError
from handlers.card import ArchiveError, Card, OperatingPoint
from handlers.documents import read
from handlers.drift import Baseline
from handlers.imaging import PreprocessedImage, preprocess
from handlers.labels import CANCER, LABELS, REASONS
from handlers.network import VariantNetwork, load_torchscript, stages_of, variant_head
from handlers.orientations import Orientation, run_oriented
from handlers.prediction import ClassifiedImage, Decision, Forward, risk
from handlers.similar_cases import SimilarCases
from handlers.structure import WHOLE, Box
from handlers.variants import NUMERICS, PLAIN, PORTABLE, Variant

BATCH: Final = 8
"""Photographs in one forward pass, where nothing else is asked for."""
PERTURBED: Final = Shape(batch=4, pooled=True)
"""Shape of the passes over changed copies of one photograph. Larger batches are no faster."""

logger = logging.getLogger(__name__)


class Classifier:
    """A ResNet-18 split before pooling, with its card and its drift baseline."""

    def __init__(
        self,
        model: Any,
        card: Card,
        baseline: Baseline,
        backend: Backend | None = None,
        variant: Variant = PORTABLE,
        point: OperatingPoint | None = None,
        perturbed: Callable[[], Backend] | None = None,
    ) -> None:
        """Take a loaded network with submodules ``features`` and ``head``.

        Args:
            model: TorchScript, or a variant's network.
            card: of the model.
            baseline: of the training data.
            backend: that runs ``features``; by default the module itself.
            variant: whose head ``model`` has.
            point: of the variant; by default the card's.
            perturbed: loads the same backend for many copies of a photograph, pooled; by default
                ``backend``.
        """
        self.model = model
        self.card = card
        self.baseline = baseline
        self.backend = backend or Backend(PLAIN, model.features)
        self._perturbed = cache(perturbed or (lambda: self.backend))
        self.variant = variant
        self.version = card.model_version
        point = point or card.operating_point(variant.name)
        self.threshold, self.temperature = point.threshold, point.temperature
        self._band = point.near_threshold
        self.cases = SimilarCases(baseline.reference, card.labels)

    @classmethod
    def load(
        cls, folder: Path, backend: str = PLAIN, threads: int = 1, variant: str = ""
    ) -> Classifier:
        """Load a serving variant from a folder.

        Args:
            folder: the archive, unpacked.
            backend: that runs the convolutions, one of ``handlers.backends.NAMES``; empty, the
                fastest that this machine can run.
            threads: of a forward pass, for backends with separate threads.
            variant: name of the serving variant; empty, the first of the card's order that the
                backend computes and this machine runs natively. What cannot run is replaced by
                plain TorchScript, with a warning in the log.

        Raises:
            ArchiveError: a file is missing or cannot be read, or there is no such variant.
        """
        try:
            found = cls._chosen(folder, backend, threads, variant)
            found.cases = SimilarCases.load(folder, found.card, found.baseline.reference)
            return found
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
            raise ArchiveError(
                f"the archive in {folder} cannot be used ({type(error).__name__}: {error}); "
                "build it again with `make archive`"
            ) from error

    @classmethod
    def _chosen(cls, folder: Path, backend: str, threads: int, variant: str) -> Classifier:
        card = read(folder / "card.json", Card)
        model = load_torchscript(folder)
        # Also where another variant is served: an archive without it cannot run on every processor.
        baseline = read(folder / "baseline.json", Baseline)
        for name in [variant] if variant else card.variants.order:
            wanted = Variant.named(name)
            if wanted == PORTABLE:
                break
            if backend and backend not in NUMERICS[wanted.numerics]:
                if variant:
                    logger.warning("variant %s does not run on the backend %s", name, backend)
                continue
            if not variant and wanted.numerics == "int8" and not backends.has_native_int8():
                logger.warning("variant %s: this processor has no int8 arithmetic", name)
                continue
            try:
                return cls._of_variant(folder, card, model, wanted, (backend, threads))
            except UnavailableError as error:
                logger.warning("variant %s cannot run here: %s", name, error)
        if backend and backend not in NUMERICS["float32"]:
            logger.warning("no variant of this archive runs on %s, using %s", backend, PLAIN)
            backend = PLAIN
        chosen = backends.choose(backend, card.backends.order, folder, model, threads)
        many = _perturbed(PORTABLE, chosen, folder, model, threads)
        return cls(model, card, baseline, chosen, perturbed=many)

    @classmethod
    def _of_variant(
        cls, folder: Path, card: Card, model: Any, variant: Variant, how: tuple[str, int]
    ) -> Classifier:
        document = variants.fitted(folder, variant)
        backend, threads = how
        shape = Shape(variant.side, variant.stages, max(1, variant.orientations))
        names = [backend] if backend else NUMERICS[variant.numerics]
        ready = backends.first(names, folder, model, threads, shape)
        return cls(
            VariantNetwork(stages_of(model, variant.stages), variant_head(document)),
            card,
            document.baseline,
            ready,
            variant,
            document.calibration,
            _perturbed(variant, ready, folder, model, threads),
        )

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

    def preprocess(self, picture: Image.Image, box: Box = WHOLE) -> PreprocessedImage:
        """Crop a decoded picture to a box's square, and normalise it to the variant's input."""
        return preprocess(picture, self.variant.side, box)

    def forward(self, inputs: torch.Tensor) -> Forward:
        """Run the model on inputs of shape (n, 3, side, side) from :mod:`handlers.imaging`."""
        with torch.inference_mode():
            # Row by row: a matrix product rounds differently for different numbers of
            # rows, and an answer must not depend on the other requests of the batch.
            if not self.variant.orientations:
                activations = self.backend.run(inputs)
                return Forward(activations, self._logits(activations))
            found: list[Orientation] = []
            means: list[torch.Tensor] = []
            each: list[torch.Tensor] = []
            for picture in inputs:
                orientation, maps = run_oriented(
                    picture, self.variant.orientations, self.backend.run
                )
                found.append(orientation)
                each.append(self._logits(maps))
                means.append(orientation.mapped_back(maps).mean(dim=0))
            stacked = torch.stack(means)
            return Forward(stacked, self._logits(stacked), torch.stack(each), tuple(found))

    def served(self, orientation: Orientation | None) -> Callable[[torch.Tensor], torch.Tensor]:
        """Return the served network for changed copies of one photograph, without gradients.

        Args:
            orientation: of the photograph itself, in which all its copies are seen.

        Returns:
            A function from inputs (n, 3, side, side) to logits (n, 2).
        """

        def logits(inputs: torch.Tensor) -> torch.Tensor:
            with torch.inference_mode():
                seen = inputs if orientation is None else orientation.apply(inputs)
                return self._logits(self._perturbed().run(seen))

        return logits

    def _logits(self, activations: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.model.head(row) for row in activations.split(1)])

    def load_perturbed(self) -> None:
        """Load what :meth:`served` runs now, not at its first use: the archive may go away."""
        self._perturbed()

    def warm_up(self) -> None:
        """Run twice on zeros: TorchScript optimises itself during its first runs."""
        for _ in range(2):
            self.forward(torch.zeros(1, 3, self.variant.side, self.variant.side))

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
            each = None if forward.each is None else self.probabilities(forward.each[row])
            reasons = tuple(self._reasons(probability, distance, measured, each))
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

    def answer(self, image: ClassifiedImage, prevalence: float) -> Prediction:
        """Return the fields of a prediction as every client gets them.

        Args:
            image: classified.
            prevalence: share of cancers for which ``risk`` is given.
        """
        decision = image.decision
        return {
            "label": LABELS[decision.label],
            "probability": decision.probability,
            "threshold": self.threshold,
            "review": decision.review,
            "reasons": list(decision.reasons),
            "model_version": self.version,
            "variant": self.variant.name,
            "box": list(image.image.box),
            "risk": risk(decision.probability, prevalence),
            "prevalence": prevalence,
        }

    def _reasons(
        self,
        probability: float,
        distance: float,
        measured: dict[str, float],
        each: np.ndarray | None,
    ) -> list[str]:
        low, high = self._band
        labels = set() if each is None else set((each >= self.threshold).tolist())
        checks = (
            low <= probability <= high,
            self.baseline.beyond("distance", distance),
            any(self.baseline.beyond(name, measured[name]) for name in measured),
            len(labels) > 1,
        )
        return [name for name, holds in zip(REASONS, checks, strict=True) if holds]


def _perturbed(
    variant: Variant, chosen: Backend, folder: Path, model: Any, threads: int
) -> Callable[[], Backend]:
    """Return what loads the chosen backend for many changed copies of a photograph."""
    shape = replace(PERTURBED, side=variant.side, stages=variant.stages)
    return partial(backends.load, chosen.name, folder, model, threads, shape)

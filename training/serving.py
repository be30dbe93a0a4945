"""Fit, time and choose the serving variants of a trained model."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from handlers import backends, threads
from handlers.backends import Shape
from handlers.card import MeasuredBackend, Variants
from handlers.documents import to_json
from handlers.orientations import run_oriented
from handlers.variants import FOLDER, PLAIN, PORTABLE, FittedVariant, Variant, path_of
from training import variant_features, variants
from training.backends import order, timed
from training.calibration import Calibration
from training.choice import Candidate, Limits, choose
from training.console import RunLog
from training.conversion import spread
from training.cross_fit import Fitted, OutOfSample
from training.dataset import Progress
from training.files import write_json
from training.invariance import Regularisation
from training.recipes import Prepared, Recipe
from training.scores import evaluate
from training.settings import TrainingSettings
from training.variant_features import Extractor, backend_of, key_of
from training.variants import FittedTo, Part

TIMED: Final = 15
"""Photographs on which the variants are timed."""


@dataclass(frozen=True)
class Portable:
    """Plain TorchScript as it was fitted and exported."""

    model: Any
    """The loaded ``model.pt``."""
    unseen: OutOfSample
    calibration: Calibration
    backends: dict[str, MeasuredBackend]
    fitted: Fitted
    without: Sequence[Fitted]
    """Fitted without each fold's held-out photographs."""


@dataclass(frozen=True)
class ServingVariants:
    """The serving variants of a training, with the evidence for each."""

    portable: Portable
    variants: Variants
    fits: dict[str, FittedTo]
    """Besides plain TorchScript, by name."""
    extractors: dict[tuple[str, int, int], Extractor]

    @property
    def default(self) -> str:
        """Name of the variant that is served unless another one is asked for."""
        return self.variants.order[0]

    @property
    def calibration(self) -> Calibration:
        """Calibration of the default variant."""
        fitted = self.fits.get(self.default)
        return self.portable.calibration if fitted is None else fitted.calibration

    @property
    def unseen(self) -> OutOfSample:
        """Out-of-fold predictions of the default variant."""
        fitted = self.fits.get(self.default)
        return self.portable.unseen if fitted is None else fitted.unseen

    @property
    def documents(self) -> dict[str, FittedVariant]:
        """Documents of the variants, by name."""
        return {name: fitted.document for name, fitted in self.fits.items()}

    def evaluate(
        self, prepared: Prepared, portable: np.ndarray, labels: np.ndarray, seed: int, say: Progress
    ) -> np.ndarray:
        """Predict the test folder with every variant, and note the scores of each.

        Only after all choices are made.

        Args:
            prepared: names the photographs.
            portable: P(cancer) of plain TorchScript, shape (m,).
            labels: 0 or 1, shape (m,).
            seed: of the resampling.
            say: told of each photograph.

        Returns:
            P(cancer) of the default variant, shape (m,).
        """
        found = {PORTABLE.name: portable}
        for key, extractor in self.extractors.items():
            features = extractor.extract(prepared.found.test, say)
            for name, fitted in self.fits.items():
                if key_of(fitted.variant) == key:
                    log_odds = fitted.head.log_odds(features.mean(fitted.variant))
                    found[name] = fitted.calibration.probabilities(log_odds)
        measured = self.variants.measured
        thresholds = {name: one.calibration.threshold for name, one in measured.items()}
        called = {name: one.round(6) >= thresholds[name] for name, one in found.items()}
        for name, probabilities in found.items():
            scores = evaluate(probabilities.round(6), labels, thresholds[name], seed)
            measured[name].test = {
                "auroc": scores["auroc"],
                "sensitivity": scores["sensitivity"],
                "specificity": scores["specificity"],
                "brier": scores["brier"],
                "ece": scores["ece"],
                "labels_unlike_default": int((called[name] != called[self.default]).sum()),
            }
        return found[self.default]


def fit(
    prepared: Prepared, recipe: Recipe, portable: Portable, settings: TrainingSettings, log: RunLog
) -> ServingVariants:
    """Fit every variant on its own features, and choose those that may be served.

    Args:
        prepared: the train folder.
        recipe: its folds are the same for all variants.
        portable: plain TorchScript.
        settings: name the variants and the limits.
        log: shows how far it is.
    """
    folder = settings.model_folder
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    for path in folder.glob("openvino-*"):
        path.unlink()
    named = [Variant.named(name) for name in settings.variants_fitted]
    lacking = {
        one.name: "the recipe all fits a final layer to the last stage only"
        for one in named
        if recipe.name == "all" and one.stages > 1
    }
    wanted = [variant for variant in named if variant.name not in lacking]
    train = prepared.found.train
    extractors, missing = variant_features.prepare(
        folder, portable.model, wanted, train, settings.cache
    )
    fits: dict[str, FittedTo] = {}
    regularised: dict[str, Regularisation | None] = {}
    for key, extractor in extractors.items():
        alike = [variant for variant in wanted if key_of(variant) == key]
        tuned = portable.fitted.tuned
        whole = Part.extract(extractor, train, settings, log.progress, tuned)
        without: list[Part] = []
        if tuned is not None:
            without = variants.parts_without(
                portable.without, alike, train, recipe.folds, settings, log.progress
            )
        found, regularisation = variants.fit(
            alike, whole, prepared.labels, recipe.folds, settings.aims, log.progress, without
        )
        for fitted in found:
            fits[fitted.variant.name] = fitted
            regularised[fitted.variant.name] = regularisation
            write_json(path_of(folder, fitted.variant), to_json(fitted.document))
    seconds = _timed(prepared, portable, list(fits.values()), settings, log)
    candidates = {
        PORTABLE.name: Candidate(
            portable.unseen.log_odds, portable.calibration, 1000 * seconds[PORTABLE.name], None
        )
    }
    for name, fitted in fits.items():
        candidates[name] = Candidate(
            fitted.unseen.log_odds, fitted.calibration, 1000 * seconds[name], regularised[name]
        )
    limits = Limits(settings.auroc_margin, 1000 * settings.forward_budget * seconds[PLAIN])
    chosen = choose(candidates, prepared.labels, limits, lacking | missing, settings.seed)
    return ServingVariants(portable, chosen, fits, extractors)


def _timed(
    prepared: Prepared,
    portable: Portable,
    fits: list[FittedTo],
    settings: TrainingSettings,
    log: RunLog,
) -> dict[str, float]:
    """Return the median seconds of a photograph: of each variant and of plain TorchScript."""
    folder, model = settings.model_folder, portable.model
    fastest = backends.load(order(portable.backends)[0], folder, model, threads.cores())
    runs: dict[str, Callable[[torch.Tensor], Any]] = {
        PLAIN: backends.load(PLAIN, folder, model, threads.cores()).run,
        PORTABLE.name: fastest.run,
    }
    for fitted in fits:
        runs[fitted.variant.name] = _prediction(fitted.variant, settings, model)
    return timed(runs, spread(prepared.found.train, TIMED), log.progress)[0]


def _prediction(
    variant: Variant, settings: TrainingSettings, model: Any
) -> Callable[[torch.Tensor], Any]:
    shape = Shape(variant.side, variant.stages, variant.orientations)
    name = backend_of(variant)
    backend = backends.load(name, settings.model_folder, model, threads.cores(), shape)

    def run(inputs: torch.Tensor) -> torch.Tensor:
        picture = torch.nn.functional.interpolate(inputs, (variant.side, variant.side))[0]
        orientation, maps = run_oriented(picture, variant.orientations, backend.run)
        return orientation.mapped_back(maps).mean(dim=0)

    return run

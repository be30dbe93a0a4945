"""``make benchmark NAME=invariance``: what the penalty on perturbed features brings, out-of-fold.

Labels that change when a photograph of the train folder is perturbed: with a final layer fitted
without the penalty, with it, and with it but without the kind of perturbation that is measured.
The last says how much of the gain carries over to changes that nobody thought of.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from handlers.network import load_torchscript
from handlers.variants import PORTABLE, Variant
from training import backbone, calibration, folds, invariance, recipes
from training.console import RunLog
from training.evaluation.trained import TrainedModel
from training.folds import Fold
from training.intervals import share
from training.invariance import Perturbed, Regularisation, Rows
from training.perturbations import PERTURBATIONS
from training.recipes import FOLDS
from training.scores import auroc_change, auroc_interval, evaluate
from training.settings import TrainingSettings
from training.variant_features import Extractor, key_of
from training.variants import Part


class Judge:
    """Scores of final layers that were fitted without the photographs they are asked about."""

    def __init__(
        self,
        labels: np.ndarray,
        split: Sequence[Fold],
        variant: Variant,
        settings: TrainingSettings,
    ) -> None:
        """Take the labels, shape (n,), the folds, what is served, and the aims."""
        self.labels, self._split = labels, split
        self._orientations, self._settings = variant.orientations, settings

    def out_of_fold(
        self, rows: Rows, chosen: Regularisation, asked: Perturbed
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute log-odds by layers fitted on other folds.

        Args:
            rows: what is fitted on.
            chosen: the regularisation.
            asked: perturbed photographs whose log-odds are wanted.

        Returns:
            Log-odds of each photograph in each orientation, shape (n, orientations), and of each
            perturbed one, shape (m, k).
        """
        return invariance.out_of_fold(rows, self.labels, self._split, chosen, asked)

    def averaged(self, clean: np.ndarray) -> np.ndarray:
        """Average the orientations that are served, shape (n,)."""
        return np.asarray(clean[:, : self._orientations].mean(axis=1))

    def scores(self, clean: np.ndarray, changed: np.ndarray, asked: Perturbed) -> dict[str, Any]:
        """Score photographs as they are, and all kinds of perturbed ones together.

        Args:
            clean: log-odds of shape (n, orientations).
            changed: those of perturbed photographs, shape (m, k).
            asked: the perturbed photographs.
        """
        log_odds, seed = self.averaged(clean), self._settings.seed
        fitted = calibration.calibrate(log_odds, self.labels, self._settings.aims)
        found = evaluate(
            fitted.probabilities(log_odds).round(6), self.labels, fitted.threshold, seed
        )
        repeated = np.repeat(self.labels[asked.places], changed.shape[1])
        return {
            "auroc": found["auroc"],
            "specificity": found["specificity"],
            "auroc_perturbed": auroc_interval(changed.ravel(), repeated, seed),
        }

    def flips(self, clean: np.ndarray, changed: np.ndarray, asked: Perturbed) -> np.ndarray:
        """Whether a label changes, in one orientation.

        Args:
            clean: log-odds of shape (n, orientations).
            changed: those of perturbed photographs, shape (m, k).
            asked: the perturbed photographs.

        Returns:
            bool of shape (m, k).
        """
        first = clean[:, 0]
        fitted = calibration.calibrate(first, self.labels, self._settings.aims)
        before = fitted.probabilities(first[asked.places]) >= fitted.threshold
        return np.asarray((fitted.probabilities(changed) >= fitted.threshold) != before[:, None])


def measure(_options: argparse.Namespace) -> dict[str, Any]:
    """Measure the default serving variant of the trained model.

    Raises:
        RuntimeError: there is no model, it was trained on other photographs, or none of them was
            perturbed.
    """
    log, settings = RunLog(), TrainingSettings()
    trained = TrainedModel.load(settings, log)
    network = backbone.load(settings.weights, settings.seed, log.say)
    prepared = recipes.prepare(trained.found, network, settings, log)
    split = folds.grouped(prepared.labels, prepared.groups, FOLDS["head"], settings.seed)
    default = trained.card.variants.order[0]
    if default == PORTABLE.name:
        raise RuntimeError("the default variant is plain TorchScript, which has no such penalty")
    variant = Variant.named(default)
    others = [Variant.named(name) for name in trained.card.variants.measured]
    model = load_torchscript(settings.model_folder)
    alike = [one for one in others if key_of(one) == key_of(variant)]
    extractor = Extractor(settings.model_folder, model, alike, settings.cache)
    rows = Part.extract(extractor, trained.found.train, settings, log.progress).rows
    asked = rows.perturbed
    if asked is None:
        raise RuntimeError("LESIONLENS_PERTURBED is 0: no photograph was perturbed")
    judge = Judge(prepared.labels, split, variant, settings)
    plain = Rows(rows.values)
    chosen = {
        "without": invariance.choose(plain, prepared.labels, split, log.progress),
        "with": invariance.choose(rows, prepared.labels, split, log.progress),
    }
    found = {
        name: judge.out_of_fold(fitted_on, chosen[name], asked)
        for name, fitted_on in (("without", plain), ("with", rows))
    }
    turned = {name: judge.flips(*both, asked) for name, both in found.items()}
    turned["unseen"] = _unseen(judge, rows, asked, chosen["with"])
    return {
        "model_version": trained.card.model_version,
        "variant": default,
        "folds": len(split),
        "photographs": len(prepared.labels),
        "perturbed": len(asked.places),
        "regularisation": {name: vars(one) for name, one in chosen.items()},
        "scores": {name: judge.scores(*both, asked) for name, both in found.items()},
        "auroc_change": auroc_change(
            judge.averaged(found["without"][0]),
            judge.averaged(found["with"][0]),
            prepared.labels,
            settings.seed,
        ),
        "label_flips": {
            name: {way: share(each[:, kind]) for way, each in turned.items()}
            for kind, name in enumerate(PERTURBATIONS)
        },
        "label_flips_mean": {way: round(float(each.mean()), 4) for way, each in turned.items()},
    }


def _unseen(judge: Judge, rows: Rows, asked: Perturbed, chosen: Regularisation) -> np.ndarray:
    """Flips under each kind by layers that were fitted without it, bool of shape (m, k)."""
    columns = []
    for kind in range(asked.after.shape[1]):
        others = Perturbed(asked.places, asked.before, np.delete(asked.after, kind, axis=1))
        clean, changed = judge.out_of_fold(Rows(rows.values, others), chosen, asked)
        columns.append(judge.flips(clean, changed, asked)[:, kind])
    return np.stack(columns, axis=1)

"""The recipes that ``LESIONLENS_FINETUNE`` names, with their numbers of folds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from handlers.card import Parameters
from training import dataset, features, finetune_all, folds, head, near_duplicates
from training.backbone import Backbone
from training.console import RunLog
from training.cross_fit import Fit, Fitted, OutOfSample, cross_fit
from training.dataset import Dataset, Progress
from training.features import Features
from training.finetune import PLAN as LAYER4
from training.finetune import FittedLayer4, Layer4Recipe
from training.finetune_all import AllRecipe
from training.folds import Fold
from training.head import Choice, HeadRecipe
from training.near_duplicates import Pair
from training.optimise import Plan
from training.settings import TrainingSettings

FOLDS: Final = {"head": 5, "layer4": 3, "all": 3}
"""Folds of the cross-validation, and thus the number of fits besides the final one."""


@dataclass(frozen=True)
class Prepared:
    """The train folder with features and groups, for any recipe; without ``test``."""

    found: Dataset
    backbone: Backbone
    features: Features
    labels: np.ndarray
    """0 or 1, shape (n,)."""
    pairs: tuple[Pair, ...]
    """Near-duplicates, as indices into ``found.train``."""
    groups: np.ndarray
    """Group number of each photograph, shape (n,)."""


@dataclass(frozen=True)
class Recipe:
    """A fit function with the choices that were made for it."""

    name: str
    fit: Fit
    folds: tuple[Fold, ...]
    choice: Choice
    parameters: Parameters
    """Parameters for the run's record."""

    def out_of_sample(self, seed: int, log: RunLog) -> tuple[OutOfSample, list[Fitted]]:
        """Out-of-fold predictions of every photograph of the train folder, and the folds' fits."""
        return cross_fit(self.fit, self.folds, seed, log.progress)


def prepare(
    found: Dataset, backbone: Backbone, settings: TrainingSettings, log: RunLog
) -> Prepared:
    """Compute features and near-duplicates of the train folder."""
    cache, progress = settings.cache, log.progress
    with log.step("features"):
        extracted = features.extract(
            found.train,
            backbone,
            cache,
            progress,
            views=settings.views_computed,
            activations=settings.finetune == "layer4",
        )
    with log.step("compare"):
        views = features.views_of(found.train, backbone, cache, progress)
        pairs = near_duplicates.find(extracted.small, extracted.plain, views, progress)
    groups = near_duplicates.groups(len(found.train), pairs)
    labels = dataset.labels(found.train)
    return Prepared(found, backbone, extracted, labels, tuple(pairs), groups)


def recipe_of(
    prepared: Prepared, settings: TrainingSettings, log: RunLog, *, name: str = "", seed: int
) -> Recipe:
    """Make the named recipe; its choices are made on the train folder by grouped cross-validation.

    Args:
        prepared: from :func:`prepare`; for ``layer4`` with activations.
        settings: name the recipe where ``name`` does not.
        log: shows the cross-validation.
        name: ``head``, ``layer4`` or ``all``.
        seed: of the folds.
    """
    name = name or settings.finetune
    labels, groups = prepared.labels, prepared.groups
    split = folds.grouped(labels, groups, FOLDS["head"], seed)
    choice = head.choose(prepared.features.views, labels, split, log.progress)
    start = HeadRecipe(prepared.backbone, prepared.features, labels, choice)
    parameters: Parameters = {"C": choice.strength, "augmentation": choice.augmentation}
    if name == "head":
        return Recipe(name, start.fit, tuple(split), choice, parameters)
    split = folds.grouped(labels, groups, FOLDS[name], seed)
    plan, fit = _finetuning(name, start, prepared, settings, log)
    tuned: Parameters = {
        **parameters,
        "epochs": plan.epochs,
        "rate": plan.rate,
        "batch": plan.batch,
        "mixup": plan.mixup,
    }
    return Recipe(name, fit, tuple(split), choice, tuned)


def _finetuning(
    name: str,
    start: HeadRecipe,
    prepared: Prepared,
    settings: TrainingSettings,
    log: RunLog,
) -> tuple[Plan, Callable[[np.ndarray, int], Any]]:
    train, share = prepared.found.train, settings.validation_share
    if name == "all":
        every = AllRecipe(start, train, prepared.groups, share, log.progress)
        return finetune_all.PLAN, every.fit
    activations = features.activations_of(train, prepared.backbone, settings.cache)
    last = Layer4Recipe(start, activations, log.progress)
    return LAYER4, last.fit


def features_of_test(
    fitted: Fitted, prepared: Prepared, cache: Path, progress: Progress
) -> np.ndarray:
    """Compute a fitted model's features of the test photographs, shape (m, width).

    Only an evaluation may call this, after all choices are made.
    """
    test = prepared.found.test
    if isinstance(fitted, FittedLayer4):
        found = features.extract(
            test, prepared.backbone, cache, progress, views=1, activations=True
        )
        kept = features.activations_of(test, prepared.backbone, cache)
        return fitted.features_of(found.plain, kept)
    return features.extract(test, fitted.backbone, cache, progress, views=1).plain

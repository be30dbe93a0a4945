"""The learning curve: the cross-validated score with a part of the training photographs.

Only for ``head``, whose features are frozen: a fit takes a second, where the other recipes take
minutes on a GPU for each point.
"""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import Final

import numpy as np

from training import folds
from training.cache import Arrays, Cache
from training.calibration import threshold_for
from training.card import TrainedCard
from training.console import RunLog
from training.evaluation.documents import LearningCurve, LearningPoint
from training.head import AUGMENTATIONS, Choice, HeadRecipe
from training.recipes import FOLDS, Prepared
from training.scores import auroc
from training.settings import TrainingSettings

SHARES: Final = (0.1, 0.25, 0.5, 0.75, 1.0)
"""Parts of the lesions that each fold's fit may learn from."""
VERSION: Final = 1
"""Increase it when the same plan gives other scores: cached ones are then recomputed."""


def measure(
    prepared: Prepared, card: TrainedCard, settings: TrainingSettings, log: RunLog
) -> LearningCurve:
    """Fit the final layer to growing parts of the train folder.

    Each repeat has its own folds and its own order of lesions, of which every part takes the first;
    near-duplicates stay together. Regularisation and augmentation are those that the training chose
    with all photographs.

    Args:
        prepared: the train folder with its features.
        card: of the trained model.
        settings: cache, sensitivity, and how many repeats (``report_seeds``).
        log: shows the progress.
    """
    if card.finetune != "head":
        return {
            "why_not": f"The recipe {card.finetune} changes the features, so that each point "
            "would be a fine-tuning of its own; a learning curve is measured for head only."
        }
    choice = Choice(card.parameters["C"], card.parameters["augmentation"], ())
    recipe = HeadRecipe(prepared.backbone, prepared.features, prepared.labels, choice)
    kept = Cache(settings.cache / "learning" / _key(prepared, choice, settings.sensitivity))
    points: list[LearningPoint] = []
    for done, share in enumerate(SHARES, 1):
        runs = [
            kept.get(f"{share}-{seed}", partial(_scores, recipe, prepared, settings, share, seed))
            for seed in range(settings.report_seeds)
        ]
        count, area, specificity = (np.asarray(column) for column in zip(*runs, strict=True))
        points.append(
            {
                "share": share,
                "photographs": round(float(count.mean())),
                "auroc": [round(float(value), 4) for value in area],
                "specificity": [round(float(value), 4) for value in specificity],
            }
        )
        log.progress("learning curve", done, len(SHARES))
    return {"points": points, "sensitivity": settings.sensitivity, "folds": FOLDS["head"]}


def part_of(
    learn: np.ndarray, labels: np.ndarray, groups: np.ndarray, share: float, seed: int
) -> np.ndarray:
    """Choose a part of the lesions of each class; a smaller part lies within each larger one.

    Args:
        learn: indices of photographs, shape (m,).
        labels: 0 or 1 of all photographs, shape (n,).
        groups: number of the lesion of each photograph, shape (n,).
        share: above 0, at most 1.
        seed: of the order.

    Returns:
        Indices of all photographs of the chosen lesions, shape (k,), in their order; some of each
        class.
    """
    rng = np.random.default_rng(seed)
    kept = []
    for label in (0, 1):
        lesions = rng.permutation(np.unique(groups[learn[labels[learn] == label]]))
        kept.append(lesions[: max(1, round(share * len(lesions)))])
    return learn[np.isin(groups[learn], np.concatenate(kept))]


def _scores(
    recipe: HeadRecipe, prepared: Prepared, settings: TrainingSettings, share: float, seed: int
) -> Arrays:
    """Cross-validate a part: photographs learned from, AUROC and specificity, means of folds."""
    labels, groups = prepared.labels, prepared.groups
    found = []
    for learn, hold in folds.grouped(labels, groups, FOLDS["head"], seed):
        part = part_of(learn, labels, groups, share, seed)
        fitted = recipe.fit(part, seed)
        log_odds = fitted.head.log_odds(fitted.features(hold))
        benign, cancers = (log_odds[labels[hold] == label] for label in (0, 1))
        threshold = threshold_for(cancers, settings.sensitivity)
        area = float(auroc(benign[None], cancers[None])[0])
        found.append((len(part), area, float((benign < threshold).mean())))
    return tuple(np.asarray(found).mean(axis=0))


def _key(prepared: Prepared, choice: Choice, sensitivity: float) -> str:
    described = [
        *(VERSION, prepared.found.digest, prepared.backbone.digest, FOLDS["head"], sensitivity),
        *(choice.strength, AUGMENTATIONS[choice.augmentation]),
    ]
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:16]

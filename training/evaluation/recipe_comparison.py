"""Compare the recipes, with several seeds, on the same folds.

It takes long: each fit is cached as soon as it is done, so an interrupted run continues.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache, partial
from time import perf_counter
from typing import Final

import numpy as np

from handlers.card import Scores
from training import calibration, dataset, folds, recipes
from training.cache import Arrays, Cache
from training.console import RunLog
from training.evaluation.documents import Comparison, Recipes, RecipeScores
from training.finetune import PLAN
from training.intervals import RESAMPLES, interval
from training.recipes import FOLDS, Prepared, Recipe
from training.scores import SHOWN, auroc, evaluate
from training.settings import TrainingSettings

VERSION: Final = 2
"""Increase it when the same plan gives another fit: cached fits are then recomputed."""


@dataclass(frozen=True)
class _OutOfFold:
    """Out-of-fold log-odds of the train folder, one model per fold."""

    log_odds: np.ndarray
    fold: np.ndarray
    """Number of the fold of each photograph."""

    def auroc(self, truth: np.ndarray, drawn: np.ndarray | None = None) -> float:
        """Mean AUROC over the folds, because the log-odds of different fits are not comparable.

        Args:
            truth: labels, shape (n,).
            drawn: places resampled; by default each once.
        """
        places = np.arange(len(truth)) if drawn is None else drawn
        found = []
        for number in np.unique(self.fold):
            own = places[self.fold[places] == number]
            values, labels = self.log_odds[own], truth[own]
            found.append(auroc(values[labels == 0][None], values[labels == 1][None])[0])
        return float(np.mean(found))


@dataclass(frozen=True)
class _SeedResult:
    """Result of one recipe with one seed."""

    unseen: _OutOfFold
    test: np.ndarray
    """Log-odds of the test photographs, by the final fit."""
    seconds: float


@dataclass(frozen=True)
class RecipeComparison:
    """Several recipes with several seeds, on the same folds of the same photographs."""

    prepared: Prepared
    """The train folder; with activations where ``layer4`` is among the recipes."""
    settings: TrainingSettings
    """Aims, cache, names of the recipes (``head`` first), and how many seeds."""
    log: RunLog

    def run(self) -> Recipes:
        """Run every recipe with every seed."""
        truth, seeds = self.prepared.labels, range(self.settings.report_seeds)
        table: dict[str, RecipeScores] = {}
        unseen: dict[str, list[_OutOfFold]] = {}
        for name in self.settings.report_recipes:
            runs = [self._run(name, seed) for seed in seeds]
            unseen[name] = [one.unseen for one in runs]
            scores = [self._scores(one, seed) for seed, one in enumerate(runs)]
            table[name] = {
                "seeds": len(seeds),
                "test": {metric: [one[metric]["value"] for one in scores] for metric in SHOWN},
                "cross_validation": {"auroc": [round(one.auroc(truth), 4) for one in unseen[name]]},
                "seconds": round(float(np.median([one.seconds for one in runs])), 1),
            }
        return {"recipes": table, "comparison": _difference(unseen, truth)}

    def _run(self, name: str, seed: int) -> _SeedResult:
        self.log.say(f"  {name}, seed {seed}")
        prepared, settings, truth = self.prepared, self.settings, self.prepared.labels
        fits = Cache(settings.cache / "fits" / _key(prepared))

        @cache
        def recipe() -> Recipe:  # only if a fit is missing
            return recipes.recipe_of(prepared, settings, self.log, name=name, seed=seed)

        def folded(learn: np.ndarray, hold: np.ndarray) -> np.ndarray:
            fitted = recipe().fit(learn, seed)
            return fitted.head.log_odds(fitted.features(hold))

        def final() -> np.ndarray:
            fitted = recipe().fit(np.arange(len(truth)), seed)
            progress = self.log.progress
            features = recipes.features_of_test(fitted, prepared, settings.cache, progress)
            return fitted.head.log_odds(features)

        # The folds of the most expensive recipe for all, so that differences are those of the
        # recipes.
        split = folds.grouped(truth, prepared.groups, min(FOLDS.values()), seed)
        unseen, fold = np.empty(len(truth)), np.empty(len(truth), dtype=int)
        seconds = 0.0
        for number, (learn, hold) in enumerate(split):
            compute = partial(_timed, partial(folded, learn, hold))
            unseen[hold], spent = fits.get(f"{name}-{seed}-{number}", compute)
            fold[hold] = number
            seconds += float(spent)
        test, spent = fits.get(f"{name}-{seed}-final", partial(_timed, final))
        return _SeedResult(_OutOfFold(unseen, fold), test, seconds + float(spent))

    def _scores(self, one: _SeedResult, seed: int) -> Scores:
        """Score one seed on test, calibrated on the train folder."""
        labels = self.prepared.labels
        calibrated = calibration.calibrate(one.unseen.log_odds, labels, self.settings.aims)
        probabilities = calibrated.probabilities(one.test)
        test_labels = dataset.labels(self.prepared.found.test)
        return evaluate(probabilities, test_labels, calibrated.threshold, seed)


def _timed(compute: Callable[[], np.ndarray]) -> Arrays:
    """Compute log-odds, and the seconds that they took."""
    start = perf_counter()
    log_odds = compute()
    return log_odds, np.asarray(perf_counter() - start)


def _difference(unseen: dict[str, list[_OutOfFold]], truth: np.ndarray) -> Comparison | None:
    """Mean paired difference over the seeds, photographs resampled within their class."""
    names = list(unseen)
    if len(names) < 2:
        return None
    pairs = list(zip(unseen[names[0]], unseen[names[-1]], strict=True))
    value = float(np.mean([other.auroc(truth) - one.auroc(truth) for one, other in pairs]))
    rng = np.random.default_rng(0)
    spread = []
    for _ in range(RESAMPLES // 4):
        # The same photographs for all seeds, because the photographs are the random sample.
        drawn = np.concatenate(
            [rng.choice(own, len(own)) for own in (np.flatnonzero(truth == c) for c in (0, 1))]
        )
        gains = [other.auroc(truth, drawn) - one.auroc(truth, drawn) for one, other in pairs]
        spread.append(float(np.mean(gains)))
    return {
        "better": names[-1],
        "than": names[0],
        "photographs": len(truth),
        "seeds": len(pairs),
        "folds": len(np.unique(pairs[0][0].fold)),
        "difference": interval(value, np.asarray(spread)),
    }


def _key(prepared: Prepared) -> str:
    described = [VERSION, prepared.found.digest, prepared.backbone.digest, asdict(PLAN), FOLDS]
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:16]

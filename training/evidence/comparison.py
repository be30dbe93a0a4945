"""Compare the recipes, with several seeds, on the same folds.

It takes long: each fit is cached as soon as it is done, so an interrupted run continues.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from time import perf_counter
from typing import Any, Final

import numpy as np

from training import calibration, dataset, folds, recipes
from training.console import Reporter
from training.evaluation import RESAMPLES, auroc, evaluate, interval
from training.finetune import PLAN
from training.recipes import FOLDS, Prepared, Recipe
from training.result_cache import ResultCache
from training.settings import TrainingSettings

VERSION: Final = 2
"""Increase it when the same plan gives another fit: cached fits are then recomputed."""
SHOWN: Final = ("auroc", "sensitivity", "specificity", "brier", "ece")


def compare(
    prepared: Prepared, settings: TrainingSettings, names: Sequence[str], report: Reporter
) -> dict[str, Any]:
    """Run every recipe with every seed.

    Args:
        prepared: the train folder; with activations where ``layer4`` is among the names.
        settings: aims, cache, and how many seeds.
        names: of recipes, ``head`` first.
        report: shows how far it is.

    Returns:
        ``recipes``: for each the scores on ``test`` and the cross-validated AUROC, a value a seed;
        ``comparison``: the paired difference of the cross-validated AUROCs of the last recipe and
        the first, None where there is one.
    """
    fits = ResultCache(settings.cache / "fits" / _key(prepared))
    table: dict[str, Any] = {}
    unseen: dict[str, list[_OutOfFold]] = {name: [] for name in names}
    for name in names:
        scores: dict[str, list[float]] = {metric: [] for metric in SHOWN}
        seconds: list[float] = []
        for seed in range(settings.report_seeds):
            report.say(f"  {name}, seed {seed}")
            one = _one(prepared, settings, name, seed, fits, report)
            unseen[name].append(one.unseen)
            seconds.append(one.seconds)
            for metric, value in _scored(prepared, settings, one, seed).items():
                scores[metric].append(value)
        table[name] = {
            "seeds": settings.report_seeds,
            "test": scores,
            "cross_validation": {
                "auroc": [round(one.auroc(prepared.labels), 4) for one in unseen[name]]
            },
            "seconds": round(float(np.median(seconds)), 1),
        }
    return {"recipes": table, "comparison": _difference(unseen, prepared.labels, names)}


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


def _one(
    prepared: Prepared,
    settings: TrainingSettings,
    name: str,
    seed: int,
    fits: ResultCache,
    report: Reporter,
) -> _SeedResult:
    made: list[Recipe] = []

    def recipe() -> Recipe:
        if not made:  # only if a fit is missing
            made.append(recipes.recipe_of(prepared, settings, report, name=name, seed=seed))
        return made[0]

    def folded(learn: np.ndarray, hold: np.ndarray) -> np.ndarray:
        fitted = recipe().fit(learn, seed)
        return fitted.head.log_odds(fitted.features(hold))

    def final() -> np.ndarray:
        fitted = recipe().fit(np.arange(len(prepared.labels)), seed)
        features = recipes.features_of_test(fitted, prepared, settings.cache, report.progress)
        return fitted.head.log_odds(features)

    # The folds of the most expensive recipe for all, so that differences are those of the
    # recipes.
    split = folds.grouped(prepared.labels, prepared.groups, min(FOLDS.values()), seed)
    unseen, fold = np.empty(len(prepared.labels)), np.empty(len(prepared.labels), dtype=int)
    seconds = 0.0
    for number, (learn, hold) in enumerate(split):
        found = fits.get(f"{name}-{seed}-{number}", partial(_timed, partial(folded, learn, hold)))
        unseen[hold], fold[hold] = found["log_odds"], number
        seconds += float(found["seconds"])
    last = fits.get(f"{name}-{seed}-final", partial(_timed, final))
    return _SeedResult(_OutOfFold(unseen, fold), last["log_odds"], seconds + float(last["seconds"]))


def _timed(compute: Callable[[], np.ndarray]) -> dict[str, np.ndarray]:
    """Compute log-odds, and the seconds that they took."""
    start = perf_counter()
    log_odds = compute()
    return {"log_odds": log_odds, "seconds": np.asarray(perf_counter() - start)}


def _scored(
    prepared: Prepared, settings: TrainingSettings, one: _SeedResult, seed: int
) -> dict[str, float]:
    """Score one seed on test, calibrated on the train folder."""
    calibrated = calibration.calibrate(one.unseen.log_odds, prepared.labels, settings.aims)
    scores = evaluate(
        calibrated.probabilities(one.test),
        dataset.labels(prepared.found.test),
        calibrated.threshold,
        seed,
    )
    return {metric: scores[metric]["value"] for metric in SHOWN}


def _difference(
    unseen: dict[str, list[_OutOfFold]], truth: np.ndarray, names: Sequence[str]
) -> dict[str, Any] | None:
    """Mean paired difference over the seeds, photographs resampled within their class."""
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
    described = json.dumps(
        [
            VERSION,
            prepared.found.digest,
            prepared.backbone.digest,
            asdict(PLAN),
            FOLDS,
        ]
    )
    return hashlib.sha256(described.encode()).hexdigest()[:16]

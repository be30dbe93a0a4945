"""``make benchmark NAME=orientations``: how often a photograph is looked at, and what it brings.

The quantised network with 1, 2, 4 and 8 orientations averaged, and adaptively: more than two only
where one of the first two is not firm. Out-of-fold predictions of the train folder, on the folds
of the training. No figure is of the test folder.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from scipy.special import logit

from handlers import backends, threads
from handlers.backends import Shape
from handlers.network import load_torchscript
from handlers.orientations import FLIPS
from handlers.variants import PLAIN, Variant
from training import backbone, calibration, conversion, folds, invariance, recipes
from training.backends import timed
from training.console import RunLog
from training.conversion import spread
from training.dataset import Photograph
from training.evaluation.trained import TrainedModel
from training.folds import Fold
from training.invariance import Rows
from training.recipes import FOLDS
from training.scores import auroc_change, evaluate
from training.settings import TrainingSettings
from training.variant_features import Extractor
from training.variants import Part

BACKEND: Final = "openvino-int8"
SIDES: Final = (224,)
WIDTHS: Final = {1: 512, 2: 768}
"""Features by the number of stages pooled. One network computes both, the last stage's first."""
COUNTS: Final = (1, 2, 4, 8)
FIRST: Final = 2
"""Orientations that every photograph gets where it is adaptive."""
MARGINS: Final = (0.25, 0.5, 1.0)
"""Distance of the log-odds from the threshold at which an orientation is firm."""
TIMED: Final = 31
"""Photographs on which a forward pass is timed."""


class TransposedExtractor(Extractor):
    """Computes the features of the orientations besides those that serve: their transpositions."""

    FOLDER = "transposed"

    def turned(self, picture: torch.Tensor, count: int) -> torch.Tensor:
        """Transpose the orientations that serve, shape (count, c, h, h)."""
        return super().turned(picture, count).transpose(-1, -2)


def group() -> np.ndarray:
    """Orientations that are seen when a photograph is in another one, shape (8, 8).

    Row g, column j: index, among the four flips and their transpositions, of what orientation j of
    the photograph shows if the photograph itself is in orientation g.
    """
    grid = np.arange(9).reshape(3, 3)
    flipped = [np.flip(grid, dims) for dims in FLIPS]
    eight = [*flipped, *(one.T for one in flipped)]
    names = {one.tobytes(): number for number, one in enumerate(eight)}

    def seen(one: np.ndarray) -> list[int]:
        four = [np.flip(one, dims) for dims in FLIPS]
        return [names[view.tobytes()] for view in (*four, *(view.T for view in four))]

    return np.asarray([seen(one) for one in eight])


def extract(
    settings: TrainingSettings,
    model: Any,
    photographs: Sequence[Photograph],
    shape: Shape,
    log: RunLog,
) -> tuple[Rows, float]:
    """Compute the features of all orientations, and time a forward pass.

    Returns:
        Features of eight orientations, and the time of one pass relative to plain TorchScript's.
    """
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as scratch:
        folder = Path(scratch)
        conversion.convert(BACKEND, shape, model, folder, photographs, settings.cache)
        served = [Variant("int8", shape.side, shape.stages, len(FLIPS))]
        own, transposed = (
            kind(folder, model, served, settings.cache) for kind in (Extractor, TransposedExtractor)
        )
        part = Part.extract(own, photographs, settings, log.progress)
        other = transposed.extract(photographs, log.progress)
        eight = np.concatenate([part.rows.values, other.orientations], axis=1)
        return Rows(eight, part.perturbed), _relative_cost(folder, model, photographs, shape)


def _relative_cost(
    folder: Path, model: Any, photographs: Sequence[Photograph], shape: Shape
) -> float:
    cores = threads.cores()
    fast = backends.load(BACKEND, folder, model, cores, shape)
    scaled = (shape.side, shape.side)
    runs = {
        PLAIN: backends.load(PLAIN, folder, model, cores).run,
        BACKEND: lambda inputs: fast.run(torch.nn.functional.interpolate(inputs, scaled)),
    }
    seconds, _ = timed(runs, spread(photographs, TIMED), lambda *_: None)
    return seconds[BACKEND] / seconds[PLAIN]


def out_of_fold(
    rows: Rows, labels: np.ndarray, split: Sequence[Fold], fitted_on: int
) -> np.ndarray:
    """Compute log-odds of every orientation, shape (n, 8), by heads fitted without the photograph.

    Args:
        rows: of eight orientations.
        labels: 0 or 1, shape (n,).
        split: the folds.
        fitted_on: first orientations that the final layers are fitted on.
    """
    features = rows.values
    some = Rows(features[:, :fitted_on], rows.perturbed)
    chosen = invariance.choose(some, labels, split, lambda *_: None)
    found = np.empty(features.shape[:2])
    fitted = invariance.heads([some] * len(split), labels, split, chosen)
    for head, (_, hold) in zip(fitted, split, strict=True):
        found[hold] = head.log_odds(features[hold])
    return found


class Judge:
    """Scores of log-odds as the training computes them."""

    def __init__(self, labels: np.ndarray, settings: TrainingSettings) -> None:
        """Take the labels, shape (n,), and aims and seed."""
        self.labels, self._settings = labels, settings

    def __call__(
        self, log_odds: np.ndarray, forwards: float, passes: float, reference: np.ndarray
    ) -> dict[str, Any]:
        """Score out-of-fold log-odds.

        Args:
            log_odds: shape (n,).
            forwards: mean orientations of a photograph.
            passes: their cost, in passes of plain TorchScript.
            reference: log-odds that AUROC is compared with, shape (n,).
        """
        seed = self._settings.seed
        fitted = calibration.calibrate(log_odds, self.labels, self._settings.aims)
        probability = fitted.probabilities(log_odds).round(6)
        scores = evaluate(probability, self.labels, fitted.threshold, seed)
        return {
            "forwards": round(forwards, 3),
            "passes": round(passes, 3),
            "auroc": scores["auroc"],
            "auroc_change": auroc_change(reference, log_odds, self.labels, seed),
            "specificity": scores["specificity"],
        }

    def threshold(self, log_odds: np.ndarray) -> tuple[float, tuple[float, float]]:
        """Return threshold and uncertainty band of log-odds of shape (n,), as log-odds."""
        fitted = calibration.calibrate(log_odds, self.labels, self._settings.aims)
        at, *band = (
            float(logit(value)) * fitted.temperature
            for value in (fitted.threshold, *fitted.near_threshold)
        )
        return at, (band[0], band[1])


def flips(each: np.ndarray, count: int, threshold: float) -> float:
    """Share of photographs with two labels among their eight orientations, none being canonical.

    Args:
        each: log-odds of the orientations, shape (n, 8).
        count: orientations that are averaged.
        threshold: of the log-odds.
    """
    means = each[:, group()[:, :count]].mean(axis=2)
    called = means >= threshold
    return round(float(np.mean(called.any(axis=1) & ~called.all(axis=1))), 4)


def adaptive(each: np.ndarray, most: int, low: float, high: float) -> tuple[np.ndarray, float]:
    """Average two orientations where both are firm, else more.

    Args:
        each: log-odds of the orientations, shape (n, 8).
        most: orientations of a photograph that is not firm.
        low: log-odds up to which "no cancer" is firm.
        high: log-odds from which "cancer" is firm.

    Returns:
        Log-odds of shape (n,), and the mean number of orientations.
    """
    first = each[:, :FIRST]
    firm = (first < low).all(axis=1) | (first > high).all(axis=1)
    log_odds = np.where(firm, first.mean(axis=1), each[:, :most].mean(axis=1))
    return log_odds, float(np.where(firm, FIRST, most).mean())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the choice of inputs."""
    parser.add_argument(
        "--sides",
        type=int,
        nargs="+",
        default=SIDES,
        help="pixels of the input (320: twice as long)",
    )


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure every network of the grid.

    Raises:
        RuntimeError: there is no model, or it was trained on other photographs.
    """
    log, settings = RunLog(), TrainingSettings()
    trained = TrainedModel.load(settings, log)
    model = load_torchscript(settings.model_folder)
    network = backbone.load(settings.weights, settings.seed, log.say)
    prepared = recipes.prepare(trained.found, network, settings, log)
    split = folds.grouped(prepared.labels, prepared.groups, FOLDS["head"], settings.seed)
    judge = Judge(prepared.labels, settings)
    networks = {}
    for side in options.sides:
        log.say(f"{side} px")
        shape = Shape(side, max(WIDTHS), pooled=True)
        rows, cost = extract(settings, model, trained.found.train, shape, log)
        for stages, width in WIDTHS.items():
            name = f"int8-{side}px-{stages}stage" + "s" * (stages > 1)
            networks[name] = _judged(rows.select(np.arange(width)), cost, split, judge)
    return {
        "model_version": trained.card.model_version,
        "photographs": len(prepared.labels),
        "folds": len(split),
        "sensitivity": settings.sensitivity,
        "networks": networks,
    }


def _judged(rows: Rows, cost: float, split: Sequence[Fold], judge: Judge) -> dict[str, Any]:
    four, eight = (out_of_fold(rows, judge.labels, split, count) for count in (4, 8))
    reference = four[:, :4].mean(axis=1)
    found: dict[str, Any] = {}
    for count in COUNTS:
        each = eight if count == 8 else four
        mean = each[:, :count].mean(axis=1)
        found[f"{count}"] = judge(mean, count, count * cost, reference)
        found[f"{count}"]["flips"] = flips(each, count, judge.threshold(mean)[0])
    for most, each in ((4, four), (8, eight)):
        threshold, band = judge.threshold(each[:, :FIRST].mean(axis=1))
        rules = {"band": band}
        rules |= {f"{margin}": (threshold - margin, threshold + margin) for margin in MARGINS}
        for rule, (low, high) in rules.items():
            log_odds, forwards = adaptive(each, most, low, high)
            found[f"2-{most} {rule}"] = judge(log_odds, forwards, forwards * cost, reference)
    return {"pass": round(cost, 3), "ways": found}

"""``make report``: evaluate the trained model and write the report."""

from __future__ import annotations

import io
import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from handlers import threads
from training import backbone, recipes
from training.answers import Answers
from training.calibration import PREVALENCE, threshold_interval
from training.console import RunLog
from training.dataset import Dataset, Photograph
from training.evaluation.curves import curves
from training.evaluation.recipe_comparison import RecipeComparison
from training.evaluation.report.model import page
from training.evaluation.report.pictures import thumbnail
from training.evaluation.served import Served
from training.evaluation.stress import review, robustness
from training.evaluation.trained import TrainedModel, read_output
from training.settings import TrainingSettings

MOST: Final = 400
"""Maximum number of test photographs that are perturbed: each is predicted 13 times."""


def report(settings: TrainingSettings, log: RunLog) -> Path:
    """Measure the trained model and write ``reports/<version>/``; returns the page's path.

    Raises:
        NothingToReportError: train first.
    """
    trained = TrainedModel.load(settings, log)
    found = trained.found
    answers = Answers.read(io.BytesIO(read_output(settings.build / "answers.npz")))
    leaks = json.loads(read_output(settings.build / "near_duplicates.json"))
    served = Served(settings.model_folder)
    asked = _spread(found)
    with log.step("review"):
        reviewed = review.measure(served, asked, settings.seed, log.progress)
    with log.step("stress"):
        stressed = robustness.measure(served, asked, settings.seed, log.progress)
    compared = _compared(settings, found, log)
    document = {
        **_of_the_training(trained.card, answers, leaks, settings),
        "review": reviewed,
        **stressed,
        **compared,
    }
    with log.step("write"):
        written = page.write(document, _thumbnails(leaks, found), trained.reports)
    numbers = {name: document[name] for name in ("scores", "review", "stress", "covered")}
    trained.record("report", numbers, (page.CARD, page.NUMBERS), log)
    log.say(f"report: {written}")
    return written


def _of_the_training(
    card: dict[str, Any], answers: Answers, leaks: dict[str, Any], settings: TrainingSettings
) -> dict[str, Any]:
    """Return the measurements of the training itself."""
    threshold, seed = card["threshold"], settings.seed
    cancers = answers.train[answers.train_labels == 1]
    return {
        "made": datetime.now(UTC).date().isoformat(),
        "model_version": card["model_version"],
        "finetune": card["finetune"],
        "parameters": card["parameters"],
        "data": card["data"],
        "backbone": card["backbone"],
        "leaks": leaks,
        "scores": card["scores"],
        "decision": {
            "temperature": card["temperature"],
            "prevalence": PREVALENCE,
            "sensitivity_aimed_at": settings.sensitivity,
            "threshold": threshold_interval(cancers, settings.sensitivity, seed),
            "band": card["review"]["near_threshold"],
            "error_rates": {
                "cancers_missed": settings.alpha_malignant,
                "benign_called_cancer": settings.alpha_benign,
            },
        },
        "curves": {
            "test": curves(answers.test, answers.test_labels, threshold, seed),
            "out_of_sample": curves(answers.train, answers.train_labels, threshold, seed),
        },
        "tried": [
            {
                "what": f"head, augmentation: {one['augmentation']}, C {one['C']:.3g}",
                "gave": f"log loss {one['log_loss_held_out']:.4f} on photographs held out",
            }
            for one in card["tried"]
        ],
        "versions": card["versions"],
        "machine": {"cores": threads.cores(), "architecture": platform.machine()},
    }


def _compared(settings: TrainingSettings, found: Dataset, log: RunLog) -> dict[str, Any]:
    deepest = settings.model_copy(update={"finetune": settings.report_recipes[-1]})
    with log.step("backbone"):
        network = backbone.load(settings.weights, settings.seed, log.say)
    prepared = recipes.prepare(found, network, deepest, log)
    with log.step("compare recipes"):
        return RecipeComparison(prepared, settings, log).run()


def _spread(found: Dataset) -> list[Photograph]:
    """Choose at most so many test photographs, evenly over all."""
    step = max(1.0, len(found.test) / MOST)
    return [found.test[int(place * step)] for place in range(min(MOST, len(found.test)))]


def _thumbnails(leaks: dict[str, Any], found: Dataset) -> dict[str, bytes]:
    """Make thumbnails of the photographs that have near-duplicates, by name."""
    wanted = {name for pair in leaks["listed"] for name in pair["files"]}
    paths = {
        f"{split}/{photo.path.parent.name}/{photo.path.name}": photo.path
        for split in ("train", "test")
        for photo in getattr(found, split)
    }
    return {name: thumbnail(paths[name].read_bytes()) for name in wanted if name in paths}

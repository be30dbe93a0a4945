"""``make report``: evaluate the trained model and write the report."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from handlers import threads
from training import backbone, recipes, tracking
from training.answers import Answers
from training.calibration import PREVALENCE, threshold_interval
from training.console import Reporter
from training.curves import curves
from training.dataset import Dataset, Photograph
from training.evidence import comparison, review, stress
from training.evidence.served import Served
from training.report import thumbnail, write
from training.settings import TrainingSettings
from training.trained import NothingToReportError, load_trained_model

MOST: Final = 400
"""Maximum number of test photographs that are perturbed: each is predicted 13 times."""


def report(settings: TrainingSettings, reporter: Reporter) -> Path:
    """Measure the trained model and write ``reports/<version>/``; returns the page's path.

    Raises:
        NothingToReportError: train first.
    """
    card, found = load_trained_model(settings, reporter)
    answers, leaks = _left_behind(settings)
    served = Served(settings.model_folder)
    asked = _spread(found)
    with reporter.step("review"):
        reviewed = review.measure(served, asked, settings.seed, reporter.progress)
    with reporter.step("stress"):
        stressed = stress.measure(served, asked, settings.seed, reporter.progress)
    compared = _compared(settings, found, reporter)
    document = {
        **_of_the_model(card, answers, leaks, settings),
        "review": reviewed,
        **stressed,
        **compared,
    }
    folder = settings.reports / card["model_version"]
    with reporter.step("write"):
        page = write(document, _thumbnails(leaks, found), folder)
    with reporter.step("record"):
        tracking.keep(
            settings.store,
            "report",
            {**settings.asked(), **card["parameters"]},
            {name: document[name] for name in ("scores", "review", "stress", "covered")},
            {"model_version": card["model_version"], "data_digest": found.digest},
            (folder / "MODEL_CARD.md", folder / "metrics.json"),
            reporter.say,
        )
    reporter.say(f"report: {page}")
    return page


def _left_behind(settings: TrainingSettings) -> tuple[Answers, dict[str, Any]]:
    """Read the files that training wrote next to the model."""
    try:
        leaks = json.loads((settings.build / "near_duplicates.json").read_text(encoding="utf-8"))
        return Answers.read(settings.build / "answers.npz"), leaks
    except FileNotFoundError as error:
        raise NothingToReportError(
            f"{error.filename} is missing: run `make train` first"
        ) from error


def _of_the_model(
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


def _compared(settings: TrainingSettings, found: Dataset, reporter: Reporter) -> dict[str, Any]:
    names = settings.report_recipes
    deepest = settings.model_copy(update={"finetune": names[-1]})
    with reporter.step("backbone"):
        network = backbone.load(settings.weights, settings.seed, reporter.say)
    prepared = recipes.prepare(found, network, deepest, reporter)
    with reporter.step("compare recipes"):
        return comparison.compare(prepared, settings, names, reporter)


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

"""``make report``: evaluate the trained model and write the report."""

from __future__ import annotations

import io
import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from handlers import threads
from training import backbone, recipes
from training.answers import Answers
from training.calibration import PREVALENCE, threshold_interval
from training.card import TrainedCard
from training.console import RunLog
from training.dataset import Dataset, Photograph
from training.evaluation import clinical, groups, learning_curve
from training.evaluation.curves import curves
from training.evaluation.documents import Clinical, Compared, ModelReport, OfTheTraining
from training.evaluation.recipe_comparison import RecipeComparison
from training.evaluation.report.model import page
from training.evaluation.report.pictures import thumbnail
from training.evaluation.served import Served
from training.evaluation.stress import review, robustness
from training.evaluation.trained import TrainedModel, read_output
from training.leaks import NearDuplicates
from training.settings import TrainingSettings

MOST: Final = 400
"""Maximum number of test photographs that are perturbed: each is predicted 13 times."""


def report(settings: TrainingSettings, log: RunLog, table: Path | None = None) -> Path:
    """Measure the trained model and write ``reports/<version>/``.

    Args:
        settings: name the folders.
        log: shows the progress.
        table: of groups, for :func:`training.evaluation.groups.read`; by default ``groups.csv``
            next to the photographs' folders, if there is one.

    Returns:
        The page's path.

    Raises:
        NothingToReportError: train first.
        GroupsError: the table of groups does not fit the photographs.
    """
    trained = TrainedModel.load(settings, log)
    found = trained.found
    answers = Answers.read(io.BytesIO(read_output(settings.build / "answers.npz")))
    leaks: NearDuplicates = json.loads(read_output(settings.build / "near_duplicates.json"))
    # What a user may have to correct comes before what takes minutes.
    stated = clinical.stated_prevalence()
    table = table or groups.default_table(found)
    attributes = {"train": {}, "test": {}} if table is None else groups.read(table, found)
    served = Served(settings.model_folder)
    asked = spread_test(found)
    with log.step("review"):
        reviewed = review.measure(served, asked, settings.seed, log.progress)
    with log.step("stress"):
        stressed = robustness.measure(served, asked, settings.seed, log.progress)
    compared = _compared(settings, trained, log)
    document: ModelReport = {
        **_of_the_training(trained.card, answers, leaks, settings),
        "clinical": _clinical(trained.card.threshold, answers, stated, settings.seed),
        "groups": groups.of_training(attributes, answers, trained.card.threshold, settings.seed),
        "review": reviewed,
        **stressed,
        **compared,
    }
    with log.step("write"):
        written = page.write(document, _thumbnails(leaks, found), trained.reports)
    numbers = {
        "scores": document["scores"],
        "review": document["review"],
        "stress": document["stress"],
        "covered": document["covered"],
    }
    trained.record("report", numbers, (page.CARD, page.BILL, page.NUMBERS), log)
    log.say(f"report: {written}")
    return written


def _of_the_training(
    card: TrainedCard, answers: Answers, leaks: NearDuplicates, settings: TrainingSettings
) -> OfTheTraining:
    """Return the measurements of the training itself."""
    threshold, seed = card.threshold, settings.seed
    cancers = answers.train[answers.train_labels == 1]
    return {
        "made": datetime.now(UTC).date().isoformat(),
        "model_version": card.model_version,
        "finetune": card.finetune,
        "parameters": card.parameters,
        "data": card.data,
        "backbone": card.backbone,
        "leaks": leaks,
        "scores": card.scores,
        "decision": {
            "temperature": card.temperature,
            "prevalence": PREVALENCE,
            "sensitivity_aimed_at": settings.sensitivity,
            "threshold": threshold_interval(cancers, settings.sensitivity, seed),
            "band": card.review.near_threshold,
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
            for one in card.tried
        ],
        "versions": card.versions,
        "machine": {"cores": threads.cores(), "architecture": platform.machine()},
    }


def _clinical(threshold: float, answers: Answers, stated: float, seed: int) -> Clinical:
    """Return net benefit and predictive values of the samples that the curves are of."""
    test, unseen = answers.test.round(6), answers.train.round(6)
    return {
        "prevalence": stated,
        "test": clinical.measure(test, answers.test_labels, threshold, stated, seed),
        "out_of_sample": clinical.measure(unseen, answers.train_labels, threshold, stated, seed),
    }


def _compared(settings: TrainingSettings, trained: TrainedModel, log: RunLog) -> Compared:
    deepest = settings.model_copy(update={"finetune": settings.report_recipes[-1]})
    with log.step("backbone"):
        network = backbone.load(settings.weights, settings.seed, log.say)
    prepared = recipes.prepare(trained.found, network, deepest, log)
    with log.step("learning curve"):
        learned = learning_curve.measure(prepared, trained.card, settings, log)
    with log.step("compare recipes"):
        return {**RecipeComparison(prepared, settings, log).run(), "learning": learned}


def spread_test(found: Dataset) -> list[Photograph]:
    """Choose the test photographs that are perturbed: at most 400, evenly over all."""
    step = max(1.0, len(found.test) / MOST)
    return [found.test[int(place * step)] for place in range(min(MOST, len(found.test)))]


def _thumbnails(leaks: NearDuplicates, found: Dataset) -> dict[str, bytes]:
    """Make thumbnails of the photographs that have near-duplicates, by name."""
    wanted = {name for pair in leaks["listed"] for name in pair["files"]}
    paths = {
        f"{split}/{photo.path.parent.name}/{photo.path.name}": photo.path
        for split in ("train", "test")
        for photo in getattr(found, split)
    }
    return {name: thumbnail(paths[name].read_bytes()) for name in wanted if name in paths}

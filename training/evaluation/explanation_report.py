"""``make explain-report``: evaluate each attribution method and write the report."""

from __future__ import annotations

from pathlib import Path

from handlers.explainers.methods import DEFAULT
from training import dataset
from training.console import RunLog
from training.dataset import Dataset
from training.evaluation.explanations.document import document
from training.evaluation.explanations.documents import ExplanationReport
from training.evaluation.explanations.examples import examples
from training.evaluation.explanations.localisation import masks_of
from training.evaluation.explanations.study import Study
from training.evaluation.explanations.subjects import Explained
from training.evaluation.report.explanations import page
from training.evaluation.trained import TrainedModel
from training.settings import TrainingSettings


def report(settings: TrainingSettings, log: RunLog) -> Path:
    """Measure every method and write the page into ``reports/<version>/``; returns its path.

    Raises:
        NothingToReportError: train first.
        ArchiveError: the trained model cannot be read.
    """
    trained = TrainedModel.load(settings, log)
    explained = Explained(settings.model_folder, settings.cache)
    study = Study(explained, trained.found, settings, log)
    measured = study.measure(_masks(settings, trained.found))
    variant = explained.classifier.variant.name
    written = document(measured, trained.card, variant, settings.seed)
    with log.step("examples"):
        shown = examples(explained, trained.found.test, log.progress)
    with log.step("write"):
        path = page.write(written, shown, trained.reports)
    numbers = {
        "methods": written["methods"],
        "controls": written["controls"],
        "planted": written["planted"],
    }
    trained.record("explain-report", numbers, (page.NUMBERS,), log)
    log.say(conclusion(written))
    log.say(f"report: {path}")
    return path


def conclusion(written: ExplanationReport) -> str:
    """State which method the evidence selects, what it does not beat, and which is served."""
    chosen = written["default"]
    picked = chosen["method"]
    failed = ", ".join(f"{control} on {curve}" for control, curve in chosen["not_beaten"])
    words = f"the evidence picks {picked}; "
    words += f"it does not beat: {failed}" if failed else "it beats every control"
    if picked != DEFAULT:
        words += (
            f"\nDEFAULT in handlers/explainers/methods.py is {DEFAULT}: set it to {picked}, or "
            "say why not"
        )
    return words


def _masks(settings: TrainingSettings, found: Dataset) -> dict[str, Path]:
    """Find outlines next to the photographs, if they are in a folder that the user named."""
    if settings.data is None:
        return {}
    return masks_of(dataset.find_layout(settings.data), found.train)

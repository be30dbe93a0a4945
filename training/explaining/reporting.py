"""``make explain-report``: evaluate each attribution method and write the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from handlers.explainers.methods import DEFAULT
from training import dataset, tracking
from training.console import Reporter
from training.dataset import Dataset
from training.explaining.cache_key import folder_for
from training.explaining.document import document
from training.explaining.examples import examples
from training.explaining.localisation import masks_of
from training.explaining.study import Study
from training.explaining.subjects import Explained
from training.report import explanations
from training.result_cache import ResultCache
from training.settings import TrainingSettings
from training.trained import load_trained_model

MASKS = "masks"


def report(settings: TrainingSettings, reporter: Reporter) -> Path:
    """Measure every method and write the page into ``reports/<version>/``; returns its path.

    Raises:
        NothingToReportError: train first.
        ArchiveError: the trained model cannot be read.
    """
    card, found = load_trained_model(settings, reporter)
    explained = Explained(settings.model_folder)
    kept = ResultCache(folder_for(settings.cache, settings.model_folder, explained.classifier))
    study = Study(explained, found, kept, settings, reporter)
    written = document(study.measure(_masks(settings, found)), card, settings.seed)
    with reporter.step("examples"):
        shown = examples(explained, found.test, kept, reporter.progress)
    folder = settings.reports / card["model_version"]
    with reporter.step("write"):
        page = explanations.write(written, shown, folder)
    with reporter.step("record"):
        tracking.keep(
            settings.store,
            "explain-report",
            {**settings.asked(), **card["parameters"]},
            {name: written[name] for name in ("methods", "controls", "planted")},
            {"model_version": card["model_version"], "data_digest": found.digest},
            (folder / "explanations.json",),
            reporter.say,
        )
    reporter.say(conclusion(written))
    reporter.say(f"report: {page}")
    return page


def conclusion(written: dict[str, Any]) -> str:
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

"""``make audit``: find the near-duplicates of a data set, without training on it."""

from __future__ import annotations

from typing import Any, Final

from training import backbone, features, leaks, near_duplicates
from training.console import Reporter
from training.dataset import Dataset
from training.files import write_json
from training.settings import TrainingSettings

SHOWN: Final = 20
"""Number of pairs that are printed; all are in ``near_duplicates.json``."""


def near_duplicates_of(
    settings: TrainingSettings, found: Dataset, report: Reporter
) -> dict[str, Any]:
    """Find near-duplicates within and across the splits, print and write them.

    Returns:
        What is also written to ``near_duplicates.json``: counts, and each pair with its files.
    """
    with report.step("backbone"):
        network = backbone.load(settings.weights, settings.seed, report.say)
    with report.step("features"):
        train, test = (
            features.extract(photographs, network, settings.cache, report.progress).views
            for photographs in (found.train, found.test)
        )
    with report.step("compare"):
        within = near_duplicates.find(found.train, train, report.progress)
        document = leaks.between(found, test, train, within, report.progress).to_json()
    write_json(settings.build / "near_duplicates.json", document)
    _say(document, report)
    return document


def _say(document: dict[str, Any], report: Reporter) -> None:
    across = document["pairs_across_train_and_test"]
    rows = {
        "photographs": str(document["photographs"]),
        "near-duplicates": f"{document['pairs']} pairs, {document['groups']} groups",
        "across train and test": str(across),
        "labels contradict": str(document["pairs_with_contradicting_labels"]),
    }
    report.table("Near-duplicates", rows)
    for pair in document["listed"][: min(across, SHOWN)]:
        report.say(f"  across train and test: {' and '.join(pair['files'])}")

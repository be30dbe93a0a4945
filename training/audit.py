"""``make audit``: find the near-duplicates of a data set, without training on it."""

from __future__ import annotations

from typing import Final

from training import backbone, features, leaks, near_duplicates
from training.console import RunLog
from training.dataset import Dataset
from training.files import write_json
from training.leaks import NearDuplicates
from training.settings import TrainingSettings

SHOWN: Final = 20
"""Number of pairs that are printed; all are in ``near_duplicates.json``."""


def near_duplicates_of(settings: TrainingSettings, found: Dataset, log: RunLog) -> NearDuplicates:
    """Find near-duplicates within and across the splits, print and write them.

    Returns:
        What is also written to ``near_duplicates.json``: counts, and each pair with its files.
    """
    with log.step("backbone"):
        network = backbone.load(settings.weights, settings.seed, log.say)
    cache, progress = settings.cache, log.progress
    with log.step("features"):
        train, test = (
            features.extract(photographs, network, cache, progress, views=1)
            for photographs in (found.train, found.test)
        )
    with log.step("compare"):
        views = features.views_of(found.train, network, cache, progress)
        within = near_duplicates.find(train.small, train.plain, views, progress)
        views = features.views_of(leaks.every(found), network, cache, progress)
        document = leaks.between(found, test, train, within, views, progress).to_json()
    write_json(settings.build / "near_duplicates.json", document)
    _say(document, log)
    return document


def _say(document: NearDuplicates, log: RunLog) -> None:
    across = document["pairs_across_train_and_test"]
    rows = {
        "photographs": str(document["photographs"]),
        "near-duplicates": f"{document['pairs']} pairs, {document['groups']} groups",
        "across train and test": str(across),
        "labels contradict": str(document["pairs_with_contradicting_labels"]),
    }
    log.table("Near-duplicates", rows)
    for pair in document["listed"][: min(across, SHOWN)]:
        log.say(f"  across train and test: {' and '.join(pair['files'])}")

"""The data held against itself: photographs of one lesion, on one side of the split or on both."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from training import backbone, features, near_duplicates
from training.console import Reporter
from training.dataset import CLASSES, Dataset, Photograph
from training.files import write_json
from training.settings import TrainingSettings

SHOWN: Final = 20
"""Pairs named on the console; all are in ``near_duplicates.json``."""


def near_duplicates_of(
    settings: TrainingSettings, found: Dataset, report: Reporter
) -> dict[str, Any]:
    """Find near-duplicates within and across the splits, say so and write them down.

    Returns:
        What is also written to ``near_duplicates.json``: counts, and each pair with its files.
    """
    with report.step("backbone"):
        network = backbone.load(settings.weights, settings.seed, report.say)
    photographs = (*found.train, *found.validation, *found.test)
    with report.step("features"):
        views = features.extract(photographs, network, settings.cache, report.progress).views
    with report.step("compare"):
        pairs = near_duplicates.find(photographs, views, report.progress)
    sizes = np.bincount(near_duplicates.groups(len(photographs), pairs))
    place = {
        photo: name for name in ("train", "validation", "test") for photo in getattr(found, name)
    }
    listed: list[dict[str, Any]] = [
        {
            "files": [_name(place, photographs[at]) for at in (pair.first, pair.second)],
            "correlation": round(pair.correlation, 3),
            "likeness": round(pair.likeness, 3),
            "labels_contradict": photographs[pair.first].label != photographs[pair.second].label,
        }
        for pair in pairs
    ]
    leaks = [pair for pair in listed if len({_split(name) for name in pair["files"]}) == 2]
    document = {
        "photographs": len(photographs),
        "pairs": len(pairs),
        "groups": int((sizes > 1).sum()),
        "in_groups": int(sizes[sizes > 1].sum()),
        "pairs_across_train_and_test": len(leaks),
        "pairs_with_contradicting_labels": sum(pair["labels_contradict"] for pair in listed),
        "thresholds": {
            "correlation": near_duplicates.CORRELATION,
            "likeness": near_duplicates.LIKENESS,
            "correlation_alone": near_duplicates.SURE,
        },
        "listed": listed,
    }
    write_json(settings.build / "near_duplicates.json", document)
    _say(document, leaks, report)
    return document


def _say(document: dict[str, Any], leaks: list[dict[str, Any]], report: Reporter) -> None:
    rows = {
        "photographs": str(document["photographs"]),
        "near-duplicates": f"{document['pairs']} pairs, {document['groups']} groups",
        "across train and test": str(len(leaks)),
        "labels contradict": str(document["pairs_with_contradicting_labels"]),
    }
    report.table("Near-duplicates", rows)
    for pair in leaks[:SHOWN]:
        report.say(f"  across train and test: {' and '.join(pair['files'])}")


def _name(place: dict[Photograph, str], photo: Photograph) -> str:
    """Split, class and file name; a name that is no text is written as one."""
    name = f"{place[photo]}/{CLASSES[photo.label]}/{photo.path.name}"
    return name.encode("utf-8", "backslashreplace").decode()


def _split(name: str) -> bool:
    return name.startswith("test/")

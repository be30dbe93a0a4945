"""The steps from photographs to an archive, in their order."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from handlers.classifier import Classifier
from training import (
    archive,
    backbone,
    backends,
    baseline,
    calibration,
    card,
    dataset,
    evaluation,
    export,
    features,
    head,
)
from training.console import Reporter
from training.dataset import Dataset
from training.features import Features
from training.files import whole, write_json
from training.settings import TrainingSettings

CHECKED: Final = 32
"""Photographs that the exported model is compared on."""
SHOWN: Final = 10
"""Files left out that are named on the console; all are in ``left_out.txt``."""


def find_data(settings: TrainingSettings, report: Reporter) -> Dataset:
    """Find, check and split the photographs; say what was left out and why."""
    with report.step("data"):
        source, folder = dataset.locate(settings, report.progress, report.say)
        found = dataset.load(source, folder, settings.validation_share, report.progress)
    counts = found.counts()
    for split, per_class in counts.items():
        report.say(f"  {split}: " + ", ".join(f"{n} {name}" for name, n in per_class.items()))
    # A file name may hold bytes that are no text.
    lines = [
        f"{path}: {reason}".encode("utf-8", "backslashreplace").decode()
        for path, reason in found.left_out
    ]
    for line in lines[:SHOWN]:
        report.say(f"  left out {line}")
    if len(lines) > SHOWN:
        report.say(f"  ... and {len(lines) - SHOWN} more")
    with whole(settings.build / "left_out.txt") as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return found


def train(settings: TrainingSettings, report: Reporter) -> dict[str, Any]:
    """From photographs to ``model.pt``, ``card.json`` and ``baseline.json``.

    Returns:
        The summary that is also written to ``summary.json``: version, counts, metrics, seconds.
    """
    # Small matrices: a second BLAS thread costs ten times what it brings on a busy machine.
    with threadpool_limits(1, user_api="blas"):
        return _train(settings, report)


def _train(settings: TrainingSettings, report: Reporter) -> dict[str, Any]:
    found = find_data(settings, report)
    with report.step("backbone"):
        network = backbone.load(settings.weights, settings.seed, report.say)
    with report.step("features"):
        photographs = (*found.train, *found.validation, *found.test)
        everything = features.extract(photographs, network, settings.cache, report.progress)
        learned, held, tested = _parts(everything, found)
    learned_labels, held_labels = dataset.labels(found.train), dataset.labels(found.validation)
    with report.step("head"):
        fitted = head.choose(
            learned.views, learned_labels, held.plain, held_labels, report.progress
        )
        calibrated = calibration.calibrate(
            fitted.log_odds(held.plain), held_labels, settings.sensitivity
        )
    with report.step("baseline"):
        reference = baseline.fit(
            _joined(learned, held),
            np.concatenate([learned_labels, held_labels]),
            fitted.strength,
            calibrated,
            settings.seed,
            report.progress,
        )
    with report.step("evaluation"):
        metrics = evaluation.evaluate(
            calibrated.probabilities(fitted.log_odds(tested.plain)),
            dataset.labels(found.test),
            calibrated.threshold,
            settings.seed,
        )
    with report.step("export"):
        folder = settings.model_folder
        difference = export.export(
            network, fitted, folder / "model.pt", [*found.validation, *found.test][:CHECKED]
        )
    with report.step("backends"):
        measured = backends.measure(
            folder,
            Classifier.model_of(folder),
            found.train,
            found.validation,
            calibrated,
            settings.sensitivity,
            settings.backends,
            report.progress,
        )
        document = card.model_card(found, network, fitted, calibrated, reference, metrics, measured)
        write_json(folder / "baseline.json", reference.to_json())
        write_json(folder / "card.json", document)
    summary = {
        "model_version": document["model_version"],
        "counts": found.counts(),
        "left_out": dict(Counter(reason for _, reason in found.left_out)),
        "metrics": metrics,
        "threshold": calibrated.threshold,
        "temperature": calibrated.temperature,
        "largest_difference_to_eager": difference,
        "backends": document["backends"],
        "example": str(next(photo.path for photo in found.test if photo.label).resolve()),
        "seconds": report.seconds,
    }
    write_json(settings.build / "summary.json", summary)
    _show(summary, report)
    return summary


def pack(settings: TrainingSettings, report: Reporter) -> Path:
    """Archive what was trained."""
    with report.step("archive"):
        path = archive.archive(settings.model_folder, settings.archive)
    report.say(f"archive: {path} ({path.stat().st_size / 1e6:.1f} MB)")
    summary = settings.build / "summary.json"
    if summary.is_file():
        document = json.loads(summary.read_text(encoding="utf-8"))
        document["seconds"] |= report.seconds
        write_json(summary, document)
    return path


def _parts(everything: Features, found: Dataset) -> tuple[Features, Features, Features]:
    ends = np.cumsum([0, len(found.train), len(found.validation), len(found.test)])
    parts = [
        Features(everything.views[start:end], everything.statistics[start:end])
        for start, end in pairwise(ends)
    ]
    return parts[0], parts[1], parts[2]


def _joined(one: Features, two: Features) -> Features:
    return Features(
        np.concatenate([one.views, two.views]), np.concatenate([one.statistics, two.statistics])
    )


def _show(summary: dict[str, Any], report: Reporter) -> None:
    metrics = summary["metrics"]
    rows = {"model version": summary["model_version"]}
    for name in ("auroc", "sensitivity", "specificity", "brier"):
        score = metrics[name]
        interval = f"95 % interval {score['low']:.3f} to {score['high']:.3f}"
        rows[f"{name} on test"] = f"{score['value']:.3f} ({interval})"
    rows["photographs in test"] = str(metrics["count"])
    rows["threshold"] = f"{summary['threshold']:.3f}, temperature {summary['temperature']:.2f}"
    for name, found in summary["backends"]["measured"].items():
        rows[f"backend {name}"] = _backend(name, found, summary["backends"]["order"])
    rows["TorchScript to eager"] = f"{summary['largest_difference_to_eager']:.1e} at most"
    steps = ", ".join(f"{name} {value:.1f}" for name, value in summary["seconds"].items())
    rows["seconds"] = f"{sum(summary['seconds'].values()):.1f} ({steps})"
    report.table("Trained", rows)


def _backend(name: str, found: dict[str, Any], order: list[str]) -> str:
    if "lacking" in found:
        return f"not measured: {found['lacking']}"
    verdict = "chosen" if order[0] == name else "kept" if found["passes"] else "changes the answers"
    return (
        f"{found['forward_ms']:.1f} ms, AUROC {0.0 - found['auroc_loss']:+.4f}, "
        f"{found['labels_changed']} of {found['photographs']} labels changed: {verdict}"
    )

"""The photographs that are compared: a folder, classified like the service would, or its scores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.progress import track

from handlers import photograph_files, threads
from handlers.classifier import Classifier
from handlers.drift import FEATURES
from handlers.imaging import ImageError, PreprocessedImage, decode
from handlers.labels import CANCER, LABELS
from handlers.settings import HandlerSettings
from monitoring.drift_report.errors import ReportError
from training.score import model, results
from training.score.errors import ScoreError

FEWEST: Final = 20
"""Minimum number of photographs of a folder."""
BATCH: Final = 16
SCORES: Final = ".parquet"
"""Suffix of an output of `make score`."""


@dataclass(frozen=True)
class Sample:
    """n photographs of a folder or of an output of `make score`."""

    folder: Path
    paths: tuple[Path, ...]
    digests: tuple[str, ...]
    """SHA-256 of each file."""
    values: dict[str, np.ndarray]
    """Each drift feature, shape (n,)."""
    features: np.ndarray | None
    """Pooled activations, shape (n, width), if they are known."""
    cancer: np.ndarray
    """Whether the predicted label is `cancer`, shape (n,)."""
    review: np.ndarray
    """Whether a person must review it, shape (n,)."""
    unreadable: dict[str, str]
    """File names and errors of unreadable files."""

    def __len__(self) -> int:
        """Number of photographs."""
        return len(self.paths)


def model_of(archive: Path, variant: str = "") -> Classifier:
    """Load the model of a ``.mar``: of a variant, or of that which this environment serves.

    Raises:
        ReportError: the archive or ``LESIONLENS_VARIANT`` cannot be used.
    """
    try:
        settings = HandlerSettings.from_environment()
    except ValueError as error:
        raise ReportError(str(error)) from error
    try:
        asked = HandlerSettings(variant=variant or settings.variant)
        return model.load(archive, threads.cores(), asked)
    except ScoreError as error:
        raise ReportError(str(error)) from error


def read_scores(path: Path) -> tuple[Sample, str, str]:
    """Read an output of `make score` instead of photographs.

    Returns:
        The sample, and model version and serving variant of its answers.

    Raises:
        ReportError: it is no such output, or has too few answers.
    """
    try:
        found = results.read(path, ["sha256", "label", "review", *FEATURES])
    except ScoreError as error:
        raise ReportError(str(error)) from error
    _demand_enough(path, len(found.table), found.unreadable)
    folder = Path(found.source)
    sample = Sample(
        folder=folder,
        paths=tuple(folder / name for name in found.texts("path")),
        digests=tuple(found.texts("sha256")),
        values={name: found.column(name) for name in FEATURES},
        features=found.features,
        cancer=np.asarray(found.texts("label")) == LABELS[CANCER],
        review=found.column("review").astype(bool),
        unreadable=found.unreadable,
    )
    return sample, found.identity["model_version"], found.identity["variant"]


def score_folder(folder: Path, classifier: Classifier) -> Sample:
    """Read every photograph of a folder and run the model on it.

    Raises:
        ReportError: no such folder, or too few photographs that can be read.
    """
    if not folder.is_dir():
        raise ReportError(f"{folder} is not a folder: name one that holds photographs")
    found = photograph_files.find(folder)
    unreadable = {str(path.relative_to(folder)): why for path, why in found.left_out}
    files: list[tuple[Path, str]] = []

    def images() -> Iterator[PreprocessedImage]:
        for path in track(found.photographs, description=folder.name, transient=True):
            try:
                data = path.read_bytes()
                image = classifier.preprocess(decode(data))
            except (OSError, ImageError) as error:
                unreadable[str(path.relative_to(folder))] = str(error)
                continue
            files.append((path, hashlib.sha256(data).hexdigest()))
            yield image

    rows = [
        (one.measurements, one.forward.features, one.decision)
        for one in classifier.classify(images(), BATCH)
    ]
    _demand_enough(folder, len(rows), unreadable)
    measured, features, decisions = zip(*rows, strict=True)
    return Sample(
        folder=folder,
        paths=tuple(path for path, _ in files),
        digests=tuple(digest for _, digest in files),
        values={name: np.array([row[name] for row in measured]) for name in FEATURES},
        features=np.concatenate(features),
        cancer=np.array([decision.label == CANCER for decision in decisions]),
        review=np.array([decision.review for decision in decisions]),
        unreadable=unreadable,
    )


def _demand_enough(place: Path, count: int, unreadable: dict[str, str]) -> None:
    if count < FEWEST:
        raise ReportError(
            f"{place} holds {count} photographs that can be read ({len(unreadable)} cannot): "
            f"{FEWEST} are needed to say anything"
        )

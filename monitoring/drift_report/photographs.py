"""Classify a folder of photographs like the service would."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.progress import track

from handlers import photograph_files, threads
from handlers.card import ArchiveError
from handlers.classifier import CANCER, Classifier
from handlers.drift import FEATURES
from handlers.imaging import ImageError, PreprocessedImage, decode
from monitoring.drift_report.errors import ReportError

FEWEST: Final = 20
"""Minimum number of photographs of a folder."""
BATCH: Final = 16
MODEL_FILES: Final = (".pt", ".json", ".xml", ".bin")
"""Suffixes of the archive's files from which a model is loaded."""


@dataclass(frozen=True)
class Sample:
    """n photographs of a folder."""

    folder: Path
    paths: tuple[Path, ...]
    digests: tuple[str, ...]
    """SHA-256 of each file."""
    values: dict[str, np.ndarray]
    """Each drift feature, shape (n,)."""
    features: np.ndarray
    """Pooled activations, shape (n, width)."""
    cancer: np.ndarray
    """Whether the predicted label is `cancer`, shape (n,)."""
    review: np.ndarray
    """Whether a person must review it, shape (n,)."""
    unreadable: dict[str, str]
    """File names and errors of unreadable files."""

    def __len__(self) -> int:
        """Number of photographs."""
        return len(self.paths)


def model_of(archive: Path) -> Classifier:
    """Load the model of a ``.mar``; raises ReportError."""
    if not archive.is_file():
        raise ReportError(f"{archive} is missing: build it with `make archive`")
    try:
        with tempfile.TemporaryDirectory(prefix="lesionlens-") as folder:
            with zipfile.ZipFile(archive) as packed:
                names = [name for name in packed.namelist() if name.endswith(MODEL_FILES)]
                packed.extractall(folder, names)
            return Classifier.load(Path(folder), "", threads.cores())
    except (zipfile.BadZipFile, KeyError, ArchiveError) as error:
        raise ReportError(
            f"{archive} cannot be used ({error}): build it again with `make archive`"
        ) from error


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
    if len(rows) < FEWEST:
        raise ReportError(
            f"{folder} holds {len(rows)} photographs that can be read ({len(unreadable)} cannot): "
            f"{FEWEST} are needed to say anything"
        )
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

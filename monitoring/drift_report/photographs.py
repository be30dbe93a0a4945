"""Classify a folder of photographs like the service would."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from PIL import Image
from rich.progress import track

from handlers import imaging, photograph_files
from handlers.classifier import CANCER, ArchiveError, Classifier
from handlers.drift import FEATURES, image_statistics
from monitoring.drift_report.errors import ReportError

FEWEST: Final = 20
"""Minimum number of photographs of a folder."""
BATCH: Final = 16


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
    """Pooled activations, shape (n, 512)."""
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
                for name in ("model.pt", "card.json", "baseline.json"):
                    packed.extract(name, folder)
            return Classifier.load(Path(folder))
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
    paths = found.photographs
    seen: list[_Seen] = []
    unreadable = {str(path.relative_to(folder)): why for path, why in found.left_out}
    views: list[tuple[Path, str, Image.Image]] = []
    for path in track(paths, description=folder.name, transient=True):
        try:
            data = path.read_bytes()
            view = imaging.centre_view(imaging.decode(data))
        except (OSError, imaging.ImageError) as error:
            unreadable[str(path.relative_to(folder))] = str(error)
            continue
        views.append((path, hashlib.sha256(data).hexdigest(), view))
        if len(views) == BATCH:
            seen.append(_run(views, classifier))
            views = []
    if views:
        seen.append(_run(views, classifier))
    count = sum(len(batch.paths) for batch in seen)
    if count < FEWEST:
        raise ReportError(
            f"{folder} holds {count} photographs that can be read ({len(unreadable)} cannot): "
            f"{FEWEST} are needed to say anything"
        )
    return Sample(
        folder=folder,
        paths=tuple(path for batch in seen for path in batch.paths),
        digests=tuple(digest for batch in seen for digest in batch.digests),
        values={name: np.concatenate([batch.values[name] for batch in seen]) for name in FEATURES},
        features=np.concatenate([batch.features for batch in seen]),
        cancer=np.concatenate([batch.cancer for batch in seen]),
        review=np.concatenate([batch.review for batch in seen]),
        unreadable=unreadable,
    )


@dataclass(frozen=True)
class _Seen:
    paths: list[Path]
    digests: list[str]
    values: dict[str, np.ndarray]
    features: np.ndarray
    cancer: np.ndarray
    review: np.ndarray


def _run(batch: Sequence[tuple[Path, str, Image.Image]], classifier: Classifier) -> _Seen:
    forward = classifier.forward(torch.stack([imaging.to_tensor(view) for *_, view in batch]))
    statistics = [image_statistics(view) for *_, view in batch]
    decisions = classifier.decide(forward, statistics)
    rows = [
        {**measured, "probability": said.probability, "distance": said.distance}
        for measured, said in zip(statistics, decisions, strict=True)
    ]
    return _Seen(
        paths=[path for path, *_ in batch],
        digests=[digest for _, digest, _ in batch],
        values={name: np.array([row[name] for row in rows]) for name in FEATURES},
        features=forward.features,
        cancer=np.array([said.label == CANCER for said in decisions]),
        review=np.array([said.review for said in decisions]),
    )

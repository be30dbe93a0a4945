"""The model of an archive, and the identity of everything that decides an answer."""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from handlers.card import ArchiveError
from handlers.classifier import Classifier
from handlers.explainers.methods import METHODS
from handlers.settings import HandlerSettings
from handlers.variants import EXPORTED, PROGRAM
from training.score.errors import ScoreError

MODEL_FILES: Final = (".pt", ".json", ".xml", ".bin")
"""Suffixes of the archive's files from which a model is loaded."""


@dataclass(frozen=True)
class Identity:
    """What decides an answer besides the photograph: answers of one identity may be mixed."""

    archive: str
    """SHA-256 of ``melanoma.mar``, hexadecimal."""
    model_version: str
    variant: str
    backend: str
    limits: str
    """Limits of one photograph, as text."""
    prevalence: float
    """For which the risk is given."""
    features: bool
    """Whether the features are kept."""
    method: str
    """Of the explanations; empty without."""


def load(
    archive: Path | bytes, threads: int, settings: HandlerSettings, method: str = ""
) -> Classifier:
    """Load the model of a ``.mar`` as the service does.

    Args:
        archive: path or content.
        threads: of a forward pass.
        settings: name variant and backend.
        method: of the explanations that will be asked for: nothing can be loaded later.

    Raises:
        ScoreError: the archive is missing or cannot be used.
    """
    if isinstance(archive, Path) and not archive.is_file():
        raise ScoreError(f"{archive} is missing: build it with `make archive`")
    try:
        with tempfile.TemporaryDirectory(prefix="lesionlens-") as folder:
            source = io.BytesIO(archive) if isinstance(archive, bytes) else archive
            with zipfile.ZipFile(source) as packed:
                wanted = (*MODEL_FILES, PROGRAM) if settings.backend == EXPORTED else MODEL_FILES
                names = [name for name in packed.namelist() if name.endswith(wanted)]
                packed.extractall(folder, names)
            found = Classifier.load(Path(folder), settings.backend, threads, settings.variant)
            if method and not METHODS[method].gradients:
                found.load_perturbed()
            return found
    except (zipfile.BadZipFile, KeyError, ArchiveError) as error:
        name = archive if isinstance(archive, Path) else "the archive"
        raise ScoreError(
            f"{name} cannot be used ({error}): build it again with `make archive`"
        ) from error


def digest_of(archive: Path) -> str:
    """Return SHA-256 of a file, hexadecimal."""
    with archive.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

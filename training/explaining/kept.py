"""Results kept on disk as soon as they are there: an interrupted run goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np

from handlers import explainers
from handlers.classifier import Classifier
from training.files import whole

VERSION: Final = 1
"""Raise it when the same model and the same methods give other results here."""

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Kept:
    """A folder of named results, each a few arrays."""

    folder: Path

    def get(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """What was computed once, read again; computed and kept where it is missing or damaged.

        Args:
            name: may hold slashes.
            compute: what is asked for where it is not there.

        Raises:
            OSError: the folder cannot be written.
        """
        path = self.folder / f"{name}.npz"
        try:
            with np.load(path, allow_pickle=False) as kept:
                return {key: kept[key] for key in kept.files}
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            pass
        arrays = dict(compute())
        with whole(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
        return arrays


def folder_for(cache: Path, model_folder: Path, classifier: Classifier) -> Path:
    """Where the results of a model and of the methods as they are now belong.

    Args:
        cache: folder of all caches.
        model_folder: holds ``model.pt``.
        classifier: loaded from it.
    """
    digest = hashlib.sha256((model_folder / "model.pt").read_bytes())
    described = [VERSION, classifier.version, classifier.temperature, classifier.backend.name]
    digest.update(json.dumps(described).encode())
    for path in sorted(Path(next(iter(explainers.__path__))).glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return cache / "explanations" / digest.hexdigest()[:16]

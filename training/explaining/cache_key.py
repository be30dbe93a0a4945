"""Cache folder of the results on explanations."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

from handlers import explainers
from handlers.classifier import Classifier

VERSION: Final = 1
"""Increase it when the same model and methods give other results."""


def folder_for(cache: Path, model_folder: Path, classifier: Classifier) -> Path:
    """Return the cache folder for a model and the current code of the methods.

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

"""The archive, unpacked as TorchServe does it, and the part of its settings that holds here."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Final

import yaml

from serving.front.hosting import StartError

DEFAULT_BATCH: Final = 1
"""TorchServe's, where the archive says nothing."""


def unpack(archive: Path, folder: Path) -> int:
    """Unpack a verified archive; gives the requests that a worker takes at once.

    Args:
        archive: a ``.mar`` file.
        folder: to make; what was there before is removed.

    Raises:
        StartError: it cannot be unpacked or read.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)
        config = folder / "model-config.yaml"
        document = yaml.safe_load(config.read_text(encoding="utf-8")) if config.is_file() else {}
        return int(document.get("batchSize", DEFAULT_BATCH))
    except (OSError, ValueError, AttributeError, zipfile.BadZipFile, yaml.YAMLError) as error:
        why = f"{type(error).__name__}: {error}"
        raise StartError(f"{archive} cannot be unpacked ({why}): `make archive`") from None

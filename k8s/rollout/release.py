"""The model of an overlay: ``release.yaml``, which kustomize copies into the manifests."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from k8s.rollout.errors import RolloutError

OVERLAYS: Final = Path(__file__).resolve().parents[1] / "overlays"


@dataclass(frozen=True)
class Release:
    """Location and digest of a model."""

    storage_uri: str
    """KServe's storage URI of the folder that holds ``config/`` and ``model-store/``."""

    digest: str
    """``sha256:`` and 64 hex digits over all files (``serving.release``)."""


def path_of(overlay: str) -> Path:
    """Return an overlay's ``release.yaml``; raises RolloutError for an unknown overlay."""
    path = OVERLAYS / overlay / "release.yaml"
    if not path.is_file():
        known = ", ".join(sorted(one.parent.name for one in OVERLAYS.glob("*/release.yaml")))
        raise RolloutError(f"no overlay {overlay!r}; there are {known}")
    return path


def read(path: Path) -> Release:
    """Read the release of an overlay.

    Raises:
        RolloutError: the file is not one; the message says what is wrong.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))["data"]
        return Release(str(data["storageUri"]), str(data["digest"]))
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise RolloutError(
            f"{path} is not a release ({type(error).__name__}: {error}): `git checkout` it"
        ) from None


def write(path: Path, release: Release) -> None:
    """Write another release, atomically; comments and the rest of the file stay.

    Raises:
        RolloutError: the file is not a release.
    """
    text = path.read_text(encoding="utf-8")
    for name, value in (("storageUri", release.storage_uri), ("digest", release.digest)):
        # A backslash would have a meaning in a replacement.
        line = f'  {name}: "{value}"'.replace("\\", r"\\")
        text, found = re.subn(rf"(?m)^  {name}:.*$", line, text)
        if found != 1:
            raise RolloutError(f"{path}: no line `  {name}:` under data; `git checkout` it")
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)

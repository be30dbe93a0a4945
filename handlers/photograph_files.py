"""Find the photographs of a folder: one rule for training, load tests and drift reports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from handlers.structure import formats

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
OPTIONAL: Final = {".heic": "HEIF", ".heif": "HEIF", ".avif": "HEIF", ".dcm": "DICOM"}
"""Suffixes of optional formats, and the switch of each (:mod:`handlers.structure.formats`)."""


@dataclass(frozen=True)
class FoundFiles:
    """The files of a folder, linked folders included."""

    photographs: tuple[Path, ...]
    """Files with the suffix of a photograph, sorted by path."""

    left_out: tuple[tuple[Path, str], ...]
    """All other files, each with the reason."""


def find(folder: Path) -> FoundFiles:
    """Find the photographs in a folder and its subfolders.

    Links are followed; a folder that is reached twice (by a link to one above it, for instance) is
    read once. Hidden files are left out: a zip file made on a Mac holds ``._x.jpg`` for each
    ``x.jpg``, which is not a picture.

    Args:
        folder: to look through.

    Raises:
        OSError: the folder itself cannot be read.
    """
    photographs: list[Path] = []
    left_out: list[tuple[Path, str]] = []
    for path, reason in walk(folder):
        if reason:
            left_out.append((path, reason))
        else:
            photographs.append(path)
    return FoundFiles(tuple(sorted(photographs)), tuple(sorted(left_out)))


def walk(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield every file of :func:`find` as it is found, folder by folder, sorted within each.

    Args:
        folder: to look through.

    Yields:
        A path, and the reason to leave it out or an empty string.

    Raises:
        OSError: the folder itself cannot be read.
    """
    os.listdir(folder)  # below, the error would become a reason
    yield from _walk(folder, {_identity(folder): folder}, suffixes())


def suffixes() -> frozenset[str]:
    """Return the suffixes of photographs, in lower case, with those that are switched on."""
    enabled = {"HEIF": formats.heif_enabled(), "DICOM": formats.dicom_enabled()}
    return SUFFIXES | {suffix for suffix, switch in OPTIONAL.items() if enabled[switch]}


def _walk(
    folder: Path, seen: dict[tuple[int, int], Path], known: frozenset[str]
) -> Iterator[tuple[Path, str]]:
    """Yield every file below a folder, with the reason to leave it out or an empty string."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        yield folder, f"cannot be read: {error.strerror}"
        return
    for name in names:
        path = folder / name
        if name.startswith("."):
            yield path, "hidden"
        elif path.is_dir():
            identity = _identity(path)
            if identity in seen:
                yield path, f"the same folder as {seen[identity]}"
            else:
                seen[identity] = path
                yield from _walk(path, seen, known)
        elif (switch := OPTIONAL.get(path.suffix.lower())) and path.suffix.lower() not in known:
            yield path, f"{path.suffix} is not switched on: make setup {switch}=yes"
        elif path.suffix.lower() not in known:
            yield path, f"not a photograph: {path.suffix or 'no'} suffix"
        elif not path.exists():
            yield path, "a link to a file that is not there"
        else:
            yield path, ""


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino

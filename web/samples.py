"""Synthetic pictures to try the page with, drawn by `make samples`; they may be missing."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final

from web.errors import PageError

FOLDER: Final = Path(__file__).resolve().parent / "static" / "samples"


def names() -> list[str]:
    """Return the names of the files in ``static/samples``."""
    return sorted(path.name for path in FOLDER.glob("*.jpg"))


def opened(name: str) -> BinaryIO:
    """Open the sample of that name; raises PageError if there is none."""
    if name not in names():
        raise PageError("no_file")
    return (FOLDER / name).open("rb")

"""Photographs as the bodies of requests.

Apart from the users, for importing Locust changes the standard library's sockets.
"""

from __future__ import annotations

import base64
from itertools import islice
from pathlib import Path
from typing import Final

from loadtests.settings import LoadSettings

SUFFIXES: Final = {".jpg", ".jpeg", ".png", ".webp"}


def bodies(settings: LoadSettings) -> list[dict[str, object]]:
    """V1 bodies of one photograph each; raises FileNotFoundError like :func:`files`."""
    return [_body(path) for path in files(settings)]


def files(settings: LoadSettings) -> list[Path]:
    """Photographs to send, in the order of their paths.

    Raises:
        FileNotFoundError: the folder holds no photograph.
    """
    data = settings.data or _drawn(settings.cache)
    # Those of the test where the folder has the Kaggle layout: users send what is new.
    folder = data / "test" if (data / "test").is_dir() else data
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise FileNotFoundError(
            f"no photograph in {folder}: set LESIONLENS_DATA to a folder of photographs, or run "
            "`make data`"
        )
    step = max(1, len(paths) // settings.load_photographs)  # some of each class
    return list(islice(paths[::step], settings.load_photographs))


def _drawn(cache: Path) -> Path:
    """The newest of the drawn sets."""
    sets = [path.parent for path in cache.glob("synthetic-*/synthetic.json")]
    return max(sets, key=lambda path: path.stat().st_mtime, default=cache)


def _body(path: Path) -> dict[str, object]:
    return {"instances": [{"data": base64.b64encode(path.read_bytes()).decode("ascii")}]}

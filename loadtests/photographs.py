"""Photographs as the bodies of requests.

Separate from the users, because importing Locust changes the standard library's sockets.
"""

from __future__ import annotations

import base64
from itertools import islice
from pathlib import Path

from handlers import photograph_files
from loadtests.settings import LoadSettings


def bodies(settings: LoadSettings) -> list[dict[str, object]]:
    """Return V1 bodies of one photograph each; raises FileNotFoundError like :func:`files`."""
    return [_body(path) for path in files(settings)]


def files(settings: LoadSettings) -> list[Path]:
    """Return photographs to send, in the order of their paths.

    Raises:
        FileNotFoundError: the folder holds no photograph.
    """
    folder = _folder(settings)
    paths = photograph_files.find(folder).photographs if folder.is_dir() else ()
    if not paths:
        raise FileNotFoundError(
            f"no photograph in {folder}: set LESIONLENS_DATA to a folder of photographs, or run "
            "`make data`"
        )
    step = max(1, len(paths) // settings.load_photographs)  # some of each class
    return list(islice(paths[::step], settings.load_photographs))


def left_out(settings: LoadSettings) -> list[str]:
    """Return files of the folder that are not sent, each with the reason."""
    folder = _folder(settings)
    found = photograph_files.find(folder).left_out if folder.is_dir() else ()
    return [f"{path.relative_to(folder)}: {why}" for path, why in found]


def _folder(settings: LoadSettings) -> Path:
    data = settings.data or _drawn(settings.cache)
    # The test split if the folder has the Kaggle layout: users send new photographs.
    return data / "test" if (data / "test").is_dir() else data


def _drawn(cache: Path) -> Path:
    """Return the most recent synthetic set."""
    sets = [path.parent for path in cache.glob("synthetic-*/synthetic.json")]
    return max(sets, key=lambda path: path.stat().st_mtime, default=cache)


def _body(path: Path) -> dict[str, object]:
    return {"instances": [{"data": base64.b64encode(path.read_bytes()).decode("ascii")}]}

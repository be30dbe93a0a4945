"""Photographs as the bodies of requests.

Separate from the users, because importing Locust changes the standard library's sockets.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Final

from PIL import Image

from handlers import photograph_files
from loadtests.settings import LoadSettings

SMALL: Final = 24
"""Number of unchanged photographs in :func:`texts`."""
PHONE: Final = 4
"""Number of photographs there that are enlarged."""
PHONE_SIZE: Final = (4032, 3024)
"""Width and height of a phone's 12-megapixel photograph."""


def bodies(settings: LoadSettings) -> list[dict[str, object]]:
    """Return V1 bodies of one photograph each; raises FileNotFoundError like :func:`files`."""
    return [_body(path) for path in files(settings)]


def files(settings: LoadSettings) -> list[Path]:
    """Return photographs to send, in the order of their paths; raises as :func:`select`."""
    return select(settings)[0]


def texts(settings: LoadSettings) -> dict[str, list[str]]:
    """Return photographs as base64: ``small`` ones, unchanged, and some in a ``phone``'s size.

    Args:
        settings: choose the photographs; raises as :func:`select`.
    """
    found = files(settings)
    small = [path.read_bytes() for path in found[:: max(1, len(found) // SMALL)][:SMALL]]
    kinds = {"small": small, "phone": [_enlarged(photograph) for photograph in small[:PHONE]]}
    return {kind: [_base64(data) for data in photographs] for kind, photographs in kinds.items()}


def select(settings: LoadSettings) -> tuple[list[Path], list[str]]:
    """Return photographs to send, and files that are not sent, each with the reason.

    Raises:
        FileNotFoundError: the folder holds no photograph.
    """
    folder = _folder(settings)
    listed = photograph_files.find(folder) if folder.is_dir() else None
    if listed is None or not listed.photographs:
        raise FileNotFoundError(
            f"no photograph in {folder}: set LESIONLENS_DATA to a folder of photographs, or run "
            "`make data`"
        )
    paths, count = listed.photographs, settings.load_photographs
    left_out = [f"{path.relative_to(folder)}: {why}" for path, why in listed.left_out]
    return list(paths[:: max(1, len(paths) // count)][:count]), left_out  # some of each class


def _folder(settings: LoadSettings) -> Path:
    data = settings.data or _drawn(settings.cache)
    # The test split if the folder has the Kaggle layout: users send new photographs.
    return data / "test" if (data / "test").is_dir() else data


def _drawn(cache: Path) -> Path:
    """Return the most recent synthetic set."""
    sets = [path.parent for path in cache.glob("synthetic-*/synthetic.json")]
    return max(sets, key=lambda path: path.stat().st_mtime, default=cache)


def _body(path: Path) -> dict[str, object]:
    return {"instances": [{"data": _base64(path.read_bytes())}]}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _enlarged(photograph: bytes) -> bytes:
    with Image.open(io.BytesIO(photograph)) as opened:
        picture = opened.convert("RGB").resize(PHONE_SIZE, Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=90)
    return stream.getvalue()

"""Photographs of the benchmark: unchanged, and enlarged to a phone's 12 megapixels."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Final

from PIL import Image

PHONE: Final = (4032, 3024)
"""Width and height of a phone's 12-megapixel photograph."""
KINDS: Final = {"small": 24, "phone": 4}
"""Number of different photographs of each kind."""


def texts(files: list[Path]) -> dict[str, list[str]]:
    """Return photographs of each kind as base64."""
    step = max(1, len(files) // KINDS["small"])
    small = [path.read_bytes() for path in files[::step][: KINDS["small"]]]
    phone = [enlarged(photograph) for photograph in small[: KINDS["phone"]]]
    return {
        kind: [base64.b64encode(photograph).decode("ascii") for photograph in photographs]
        for kind, photographs in (("small", small), ("phone", phone))
    }


def enlarged(photograph: bytes) -> bytes:
    """Enlarge a picture to a JPEG of 12 megapixels."""
    with Image.open(io.BytesIO(photograph)) as opened:
        picture = opened.convert("RGB").resize(PHONE, Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=90)
    return stream.getvalue()

"""The photographs of the benchmark: as they are, and as large as a telephone takes them."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Final

from PIL import Image

PHONE: Final = (4032, 3024)
"""Pixels of a 12-megapixel telephone."""
KINDS: Final = {"small": 24, "phone": 4}
"""How many different photographs of each kind are sent, in turn."""


def texts(files: list[Path]) -> dict[str, list[str]]:
    """Photographs of each kind as base64."""
    step = max(1, len(files) // KINDS["small"])
    small = [path.read_bytes() for path in files[::step][: KINDS["small"]]]
    phone = [enlarged(photograph) for photograph in small[: KINDS["phone"]]]
    return {
        kind: [base64.b64encode(photograph).decode("ascii") for photograph in photographs]
        for kind, photographs in (("small", small), ("phone", phone))
    }


def enlarged(photograph: bytes) -> bytes:
    """The same picture as a JPEG of 12 megapixels."""
    with Image.open(io.BytesIO(photograph)) as opened:
        picture = opened.convert("RGB").resize(PHONE, Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=90)
    return stream.getvalue()

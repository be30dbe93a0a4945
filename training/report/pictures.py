"""Pictures embedded in the page."""

from __future__ import annotations

import base64
import io
from typing import Final

import numpy as np
from PIL import Image

from handlers.colours import to_srgb
from handlers.imaging import decode

SIDE: Final = 96
"""Pixels of a thumbnail's longer side."""


def thumbnail(data: bytes) -> bytes:
    """Make a small copy of a photograph, without its metadata.

    Args:
        data: a JPEG, PNG or WebP file.

    Returns:
        A JPEG file, RGB, 96 pixels on the long side or fewer.

    Raises:
        ImageError: the bytes are no photograph that can be read.
    """
    picture = to_srgb(decode(data))
    picture.thumbnail((SIDE, SIDE))
    out = io.BytesIO()
    # A new picture: only pixels, no position, camera or name.
    Image.fromarray(np.asarray(picture)).save(out, "JPEG", quality=85)
    return out.getvalue()


def compact(data: bytes) -> bytes:
    """Compress a picture to a fifth of a PNG file's bytes, without metadata.

    Args:
        data: a JPEG, PNG or WebP file.

    Returns:
        A JPEG file, RGB, its colours as fine as its pixels.

    Raises:
        ImageError: the bytes are no picture that can be read.
    """
    out = io.BytesIO()
    Image.fromarray(np.asarray(to_srgb(decode(data)))).save(out, "JPEG", quality=90, subsampling=0)
    return out.getvalue()


def data_uri(data: bytes) -> str:
    """Encode a PNG or JPEG file as a data URI.

    Raises:
        ValueError: it is neither.
    """
    for kind, start in (("png", b"\x89PNG\r\n\x1a\n"), ("jpeg", b"\xff\xd8\xff")):
        if data.startswith(start):
            return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    raise ValueError("a picture of the report is neither PNG nor JPEG")

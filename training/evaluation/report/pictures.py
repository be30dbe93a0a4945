"""Pictures embedded in a page: thumbnails, JPEG and PNG files without metadata, data URIs."""

from __future__ import annotations

import base64
import io
from typing import Any, Final

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
    return _jpeg(picture, quality=85)


def jpeg(picture: Image.Image) -> bytes:
    """Encode an RGB picture in a fifth of a PNG file's bytes, its colours as fine as its pixels."""
    return _jpeg(picture, quality=90, subsampling=0)


def png(picture: Image.Image) -> bytes:
    """Encode a picture exactly, one with a palette as such."""
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
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


def _jpeg(picture: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    # A new picture: only pixels, no position, camera or name.
    Image.fromarray(np.asarray(picture)).save(out, "JPEG", **options)
    return out.getvalue()

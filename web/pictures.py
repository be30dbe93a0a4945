"""From an uploaded file to pixels and nothing else: what is sent on, and shown."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from typing import BinaryIO, Final

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from web.disguises import is_heic, is_two_things
from web.errors import PageError

FORMATS: Final = ("JPEG", "PNG", "WEBP")

SIDE: Final = 224
"""Pixels of the square that the model sees and that the service draws its overlay on."""

DRAFT: Final = 3 * SIDE
"""The service decodes a large JPEG at a fraction of its size, both sides from here up. Decoded here
in the same way, a photograph gets the answer that its file would get."""

SHORTEST: Final = 32
"""Pixels of the short side below which the service refuses a photograph."""

# Pillow's own guard would only warn up to twice its limit: ours reads the header and is exact.
Image.MAX_IMAGE_PIXELS = None


def read(file: BinaryIO, max_pixels: int) -> bytes:
    """The centre square of a JPEG, PNG or WebP file, drawn anew; slow, so call it in a thread.

    It is all that the model sees of a photograph: what is around it goes nowhere.

    EXIF's orientation is applied, and everything but pixels dropped: position, camera, time,
    thumbnail, comments, colour profile. Of an animated file the first frame is taken.

    Args:
        file: at its start.
        max_pixels: width times height, at most; read from the header, before a pixel is decoded.

    Returns:
        PNG of 224 x 224 pixels, upright RGB, without metadata.

    Raises:
        PageError: not a picture, of another format, too large, too small, broken, or more than a
            picture.
    """
    data = file.read()
    try:
        picture: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise PageError("heic" if is_heic(data) else "not_a_picture") from None
    except (OSError, ValueError, SyntaxError, struct.error) as error:
        raise PageError("broken") from error
    if is_two_things(data):
        raise PageError("two_things")
    pixels = picture.width * picture.height
    if pixels > max_pixels:
        raise PageError(
            "too_many_pixels", seen=f"{pixels / 1e6:.1f}", limit=f"{max_pixels / 1e6:g}"
        )
    if (short := min(picture.size)) < SHORTEST:
        raise PageError("too_few_pixels", seen=str(short), limit=str(SHORTEST))
    try:
        picture.draft(None, (DRAFT, DRAFT))
        picture.load()
        return _png(_centre(_on_white(_eight_bits(_upright(picture)))))
    except Exception as error:  # Pillow's decoders raise many kinds on damaged files
        raise PageError("broken") from error


def _upright(picture: Image.Image) -> Image.Image:
    # Damaged EXIF says nothing about the orientation; the pixels are whole.
    with suppress(Exception):
        if picture.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            return ImageOps.exif_transpose(picture)
    return picture


def _eight_bits(picture: Image.Image) -> Image.Image:
    """L, RGB or RGBA."""
    if picture.mode.startswith("I;16"):
        # The high byte; Pillow's own conversion clips at 255 and would turn the picture white.
        return Image.frombytes("L", picture.size, picture.tobytes()[1::2])
    clear = "A" in picture.getbands() or "transparency" in picture.info
    mode = "RGBA" if clear else "L" if picture.mode == "L" else "RGB"
    return picture if picture.mode == mode else picture.convert(mode)


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def _centre(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    short = min(width, height)
    left, top = (width - short) / 2, (height - short) / 2
    box = (left, top, left + short, top + short)
    return picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box)


def _png(picture: Image.Image) -> bytes:
    picture.info.clear()  # Pillow would write a colour profile and more from it
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()

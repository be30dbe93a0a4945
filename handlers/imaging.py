"""From the bytes of a file to a checked picture to the input of the model.

The only place where a photograph is prepared: training and serving both call it, so they
cannot disagree.
"""

from __future__ import annotations

import io
import struct
from typing import Final

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS: Final = ("JPEG", "PNG", "WEBP")
SIDE: Final = 224
DRAFT: Final = 3 * SIDE
"""Pixels that a JPEG decoded at a fraction of its size keeps on each side, at least. Four times the
model's side takes twice as long for 12 megapixels and moves probabilities as far."""
MEAN: Final = (0.485, 0.456, 0.406)
STD: Final = (0.229, 0.224, 0.225)

PREPROCESSING: Final[dict[str, object]] = {
    "orientation": "EXIF orientation applied",
    "decode": f"JPEG at 1/2, 1/4 or 1/8 by DCT scaling, both sides from {DRAFT} px up",
    "resize": f"short side to {SIDE} px, Pillow BILINEAR (antialiased)",
    "crop": f"centre, {SIDE} x {SIDE} px",
    "colour": "RGB; alpha on white; 16-bit to 8-bit by its high byte",
    "mean": list(MEAN),
    "std": list(STD),
}
"""What happens to a photograph, for the model card; part of the key of the feature cache."""

NOT_AN_IMAGE: Final = "not a JPEG, PNG or WebP image"
BROKEN: Final = "the image is broken or cut off and cannot be decoded: send the whole file again"

# Pillow's own guard would only warn up to twice its limit: ours reads the header and is exact.
Image.MAX_IMAGE_PIXELS = None

_LOOKS_LIKE: Final = (
    (lambda head: head[:4] == b"GIF8", "a GIF"),
    (lambda head: head[4:8] == b"ftyp" and head[8:11] in (b"hei", b"hev", b"mif"), "a HEIC photo"),
    (lambda head: head[:4] in (b"II*\0", b"MM\0*"), "a TIFF"),
    (lambda head: head[:2] == b"BM", "a BMP"),
    (lambda head: head[:5] == b"%PDF-", "a PDF"),
    (lambda head: b"<svg" in head.lower(), "an SVG drawing"),
    (lambda head: b"<html" in head.lower() or b"<!doctype html" in head.lower(), "an HTML page"),
)


class ImageError(ValueError):
    """The file cannot be used; the message is for the client and says how to mend it."""


def decode(data: bytes, *, max_pixels: int = 25_000_000, min_side: int = 32) -> Image.Image:
    """Decode a JPEG, PNG or WebP file into an upright RGB picture.

    Size is read from the header and checked before a pixel is decoded, so a decompression
    bomb costs nothing. Of an animated file the first frame is taken. A large JPEG is decoded at
    a half, a quarter or an eighth of its size, never below three times what the model sees.

    Args:
        data: the bytes of the file.
        max_pixels: width times height, at most.
        min_side: pixels on the short side, at least.

    Returns:
        A picture of mode RGB in the orientation in which its camera was held, perhaps smaller
        than the file's.

    Raises:
        ImageError: not an image, an unsupported format, too large, too small or broken.
    """
    if not data:
        raise ImageError("the image is empty (0 bytes)")
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise ImageError(_not_an_image(data)) from None
    except (OSError, ValueError, SyntaxError, struct.error) as error:
        raise ImageError(BROKEN) from error
    width, height = picture.size
    if width * height > max_pixels:
        raise ImageError(
            f"{width} x {height} pixels are {width * height / 1e6:.1f} megapixels; "
            f"at most {max_pixels / 1e6:g} are accepted: scale the photograph down"
        )
    if min(width, height) < min_side:
        raise ImageError(
            f"{width} x {height} pixels; the short side needs at least {min_side}: "
            "send a larger photograph"
        )
    try:
        picture.draft(None, (DRAFT, DRAFT))
        picture.load()
        return _rgb(_upright(picture))
    except Exception as error:  # Pillow's decoders raise many kinds on damaged files
        raise ImageError(BROKEN) from error


def centre_view(picture: Image.Image) -> Image.Image:
    """What the model sees: the centre square of a picture, as RGB of 224 x 224 pixels."""
    width, height = picture.size
    short = min(width, height)
    left, top = (width - short) / 2, (height - short) / 2
    box = (left, top, left + short, top + short)
    return picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box)


def to_tensor(view: Image.Image) -> torch.Tensor:
    """Normalise a view with ImageNet's mean and deviation.

    Args:
        view: RGB, 224 x 224 pixels, from :func:`centre_view`.

    Returns:
        float32 of shape (3, 224, 224).
    """
    # In place: three times as fast as with a new array a step.
    planes = np.asarray(view).transpose(2, 0, 1).astype(np.float32, order="C")
    planes /= np.float32(255)
    planes -= np.asarray(MEAN, np.float32)[:, None, None]
    planes /= np.asarray(STD, np.float32)[:, None, None]
    return torch.from_numpy(planes)


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # damaged EXIF says nothing about the orientation; the pixels are whole
        return picture


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        # Pillow's own conversion of 16-bit greyscale clips at 255 and would turn it white.
        values = np.asarray(picture).astype(np.int64) >> 8
        picture = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    if "A" in picture.getbands() or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        picture = Image.alpha_composite(white, layered)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _not_an_image(data: bytes) -> str:
    head = data[:512]
    for matches, name in _LOOKS_LIKE:
        if matches(head):
            return f"{NOT_AN_IMAGE}: it looks like {name}"
    return NOT_AN_IMAGE

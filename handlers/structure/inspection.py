"""Detect the format of a file and check its structure against the limits."""

from __future__ import annotations

from handlers.structure import costs, formats, heif, jpeg, png, webp
from handlers.structure.box import WHOLE, Box
from handlers.structure.costs import LIMITS, Limits
from handlers.structure.result import ImageError, Structure


def inspect(data: bytes, limits: Limits = LIMITS, box: Box = WHOLE) -> Structure:
    """Check the structure of a JPEG, PNG or WebP file; no pixel is decoded.

    HEIC and AVIF are walked where :mod:`handlers.structure.formats` has them switched on.

    Args:
        data: the bytes of the file.
        limits: of the file.
        box: the part of the photograph that is needed. Of a small part of a JPEG more pixels are
            decoded, as far as the limits allow.

    Raises:
        ImageError: not an image, an unsupported format, too large, too small, too complex or
            broken.
    """
    if not data:
        raise ImageError("the image is empty (0 bytes)", "empty")
    found = _walk(data)
    width, height = found.width, found.height
    if width * height > limits.max_pixels:
        seen, limit = f"{width * height / 1e6:.1f}", f"{limits.max_pixels / 1e6:g}"
        raise ImageError(
            f"{width} x {height} pixels are {seen} megapixels; "
            f"at most {limit} are accepted: scale the photograph down",
            "too_many_pixels",
            seen=seen,
            limit=limit,
        )
    shown = found.shown
    if min(shown) < limits.min_side:
        raise ImageError(
            f"{shown[0]} x {shown[1]} pixels; the short side needs at least {limits.min_side}: "
            "send a larger photograph",
            "too_few_pixels",
            seen=str(min(shown)),
            limit=str(limits.min_side),
        )
    budget = limits.budget(found)
    if box != WHOLE:
        found = _framed(found, box, limits, budget)
    if found.cost > budget:
        raise ImageError(
            f"decoding this {found.format} of {width * height / 1e6:.1f} megapixels costs as much "
            f"as {found.cost:.0f} megapixels of baseline JPEG; at most {budget:g} are accepted: "
            "scale the photograph down, or save it as a baseline JPEG",
            "too_complex",
            seen=f"{found.cost:.0f}",
            limit=f"{budget:g}",
        )
    return found


def _framed(found: Structure, box: Box, limits: Limits, budget: float) -> Structure:
    """Decode as many pixels of a JPEG as the square of a box needs, and the budget allows."""
    left, _, right, _ = box.square(found.upright)
    side = round(right - left)
    if side < limits.min_side:
        raise ImageError(
            f"the box is {side} pixels of the photograph wide; at least {limits.min_side} are "
            "needed: choose a larger box, or send a larger photograph",
            "too_few_pixels",
            seen=str(side),
            limit=str(limits.min_side),
        )
    finest = costs.reduction(side, side)
    scales = (found.reduced(one) for one in (1, 2, 4) if finest <= one < found.reduction)
    return next((one for one in scales if one.cost <= budget), found)


def _walk(data: bytes) -> Structure:
    if data[:3] == b"\xff\xd8\xff":
        return jpeg.walk(data)
    if data[:8] == png.MAGIC:
        return png.walk(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return webp.walk(data)
    if formats.is_heif(data) and formats.heif_enabled():
        return heif.walk(data)
    raise formats.error_of(data)

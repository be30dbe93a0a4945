"""Detect the format of a file and check its structure against the limits."""

from __future__ import annotations

from handlers.structure import heif, jpeg, optional, png, webp
from handlers.structure.costs import HEIF_MAX_COST, MAX_COST
from handlers.structure.errors import ImageError
from handlers.structure.formats import error_of, is_heif
from handlers.structure.layout import Structure


def inspect(
    data: bytes,
    *,
    max_pixels: int = 25_000_000,
    min_side: int = 32,
    max_cost: float = MAX_COST,
    max_heif_cost: float = HEIF_MAX_COST,
) -> Structure:
    """Check the structure of a JPEG, PNG or WebP file; no pixel is decoded.

    HEIC and AVIF are walked where :mod:`handlers.structure.optional` has them switched on.

    Args:
        data: the bytes of the file.
        max_pixels: width times height, at most.
        min_side: pixels on the short side, at least.
        max_cost: megapixel equivalents that decoding may cost, at most.
        max_heif_cost: the same for HEIC and AVIF.

    Raises:
        ImageError: not an image, an unsupported format, too large, too small, too complex or
            broken.
    """
    if not data:
        raise ImageError("the image is empty (0 bytes)", "empty")
    found = _walk(data)
    width, height = found.width, found.height
    if width * height > max_pixels:
        seen, limit = f"{width * height / 1e6:.1f}", f"{max_pixels / 1e6:g}"
        raise ImageError(
            f"{width} x {height} pixels are {seen} megapixels; "
            f"at most {limit} are accepted: scale the photograph down",
            "too_many_pixels",
            seen=seen,
            limit=limit,
        )
    shown = found.shown
    if min(shown) < min_side:
        raise ImageError(
            f"{shown[0]} x {shown[1]} pixels; the short side needs at least {min_side}: "
            "send a larger photograph",
            "too_few_pixels",
            seen=str(min(shown)),
            limit=str(min_side),
        )
    budget = max_heif_cost if found.is_heif else max_cost
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


def _walk(data: bytes) -> Structure:
    if data[:3] == b"\xff\xd8\xff":
        return jpeg.walk(data)
    if data[:8] == png.MAGIC:
        return png.walk(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return webp.walk(data)
    if is_heif(data) and optional.is_installed():
        return heif.walk(data)
    raise error_of(data)

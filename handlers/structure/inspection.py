"""Which format a file is, and whether its header keeps to the limits."""

from __future__ import annotations

from handlers.structure import jpeg, png, webp
from handlers.structure.costs import MAX_COST
from handlers.structure.errors import ImageError
from handlers.structure.formats import error_of
from handlers.structure.layout import Structure


def inspect(
    data: bytes,
    *,
    max_pixels: int = 25_000_000,
    min_side: int = 32,
    max_cost: float = MAX_COST,
) -> Structure:
    """Walk the structure of a JPEG, PNG or WebP file; not a pixel is decoded.

    Args:
        data: the bytes of the file.
        max_pixels: width times height, at most.
        min_side: pixels on the short side, at least.
        max_cost: megapixel equivalents that decoding may cost, at most.

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
    if min(width, height) < min_side:
        raise ImageError(
            f"{width} x {height} pixels; the short side needs at least {min_side}: "
            "send a larger photograph",
            "too_few_pixels",
            seen=str(min(width, height)),
            limit=str(min_side),
        )
    if found.cost > max_cost:
        raise ImageError(
            f"decoding this {found.format} of {width * height / 1e6:.1f} megapixels costs as much "
            f"as {found.cost:.0f} megapixels of baseline JPEG; at most {max_cost:g} are accepted: "
            "scale the photograph down, or save it as a baseline JPEG",
            "too_complex",
            seen=f"{found.cost:.0f}",
            limit=f"{max_cost:g}",
        )
    return found


def _walk(data: bytes) -> Structure:
    if data[:3] == b"\xff\xd8\xff":
        return jpeg.walk(data)
    if data[:8] == png.MAGIC:
        return png.walk(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return webp.walk(data)
    raise error_of(data)

"""Convert pictures with another colour space to sRGB, the colour space of the training data.

Display P3, which iPhones write, would look paler if it was read as sRGB, and skin would change
colour.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Final

from PIL import Image, ImageCms

from handlers.structure.profiles import reason_to_ignore

PROFILE: Final = "icc_profile"
"""Key of ``Image.info`` under which Pillow keeps the colour profile."""

_RELATIVE: Final = ImageCms.Intent.RELATIVE_COLORIMETRIC
"""Rendering intent; for profiles made of a matrix, the perceptual intent is the same."""

_NO_CACHE: Final = ImageCms.Flags.NOCACHE
"""Disables the cache, because several threads use one transform at once."""

_TOLERANCE: Final = 24
"""Levels (of 255) by which the channels of a grey may differ; monitors' greys are not exactly
neutral."""

_GREYS: Final = {0: (0, 24), 128: (60, 215), 255: (231, 255)}
"""Lowest and highest level that a middle grey may become; for gammas between 1 and 3."""

_LEVELS: Final = (0, 64, 128, 192, 255)


def to_srgb(picture: Image.Image) -> Image.Image:
    """Convert a picture to sRGB by its embedded profile; without one, return it unchanged.

    By the relative colorimetric intent: colours that sRGB has stay what they are, and those beyond
    it are clipped. A profile that is broken, absurd (white that is not white) or of another kind
    than :mod:`handlers.structure.profiles` takes is ignored, as browsers do it.

    Args:
        picture: of mode RGB, from :func:`handlers.decoding.decode`.

    Returns:
        A picture without a profile.
    """
    profile = picture.info.pop(PROFILE, b"")
    transform = _transform(profile) if profile else None
    if transform is None or isinstance(transform, str):
        return picture
    converted = _applied(transform, picture)
    converted.info.pop(PROFILE, None)
    return converted


def ignored(profile: bytes) -> str:
    """Say why a profile is not applied; empty if it is applied, or if there is none.

    Args:
        profile: as the file has it.
    """
    transform = _transform(profile) if profile else None
    return transform if isinstance(transform, str) else ""


@lru_cache(maxsize=16)
def _transform(profile: bytes) -> ImageCms.ImageCmsTransform | str | None:
    """Return the transform to sRGB, the reason why there is none, or None if none is needed."""
    if reason := reason_to_ignore(profile):
        return reason
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            "RGB",
            "RGB",
            _RELATIVE,
            _NO_CACHE,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return "damaged"
    probe = Image.new("RGB", (len(_LEVELS) ** 3, 1))
    colours = [(red, green, blue) for red in _LEVELS for green in _LEVELS for blue in _LEVELS]
    probe.putdata(colours)
    values = iter(_applied(transform, probe).tobytes())
    mapped = dict(zip(colours, zip(values, values, values, strict=True), strict=True))
    for level, (low, high) in _GREYS.items():
        grey = mapped[(level, level, level)]
        if min(grey) < low or max(grey) > high or max(grey) - min(grey) > _TOLERANCE:
            return f"absurd: grey of {level} becomes {grey}"
    moved = max(abs(a - b) for pair in mapped.items() for a, b in zip(*pair, strict=True))
    return transform if moved > 1 else None


def _applied(transform: ImageCms.ImageCmsTransform, picture: Image.Image) -> Image.Image:
    converted = ImageCms.applyTransform(picture, transform)
    assert converted is not None  # only an in-place conversion returns nothing
    return converted

"""Pictures whose file names a colour space, brought to sRGB, which the model has learned.

Display P3, which iPhones write, shown as sRGB looks paler; a classifier of skin sees another skin.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Final

from PIL import Image, ImageCms

from handlers.structure.profiles import reason_to_ignore

PROFILE: Final = "icc_profile"
"""Key of ``Image.info``, as Pillow has it, of the profile that the pixels are in."""

_RELATIVE: Final = ImageCms.Intent.RELATIVE_COLORIMETRIC
"""Of profiles made of a matrix, the perceptual intent is the same."""

_NO_CACHE: Final = ImageCms.Flags.NOCACHE
"""One transform is used by several threads at once."""

_TOLERANCE: Final = 24
"""Of 255, by which the channels of a grey may differ; a monitor's greys are not exactly neutral."""

_GREYS: Final = {0: (0, 24), 128: (60, 215), 255: (231, 255)}
"""What a grey may become, lowest and highest; from a gamma of 1 to one of 3."""

_LEVELS: Final = (0, 64, 128, 192, 255)


def to_srgb(picture: Image.Image) -> Image.Image:
    """A picture in sRGB, by the profile that it carries; itself where there is none to apply.

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
    """Why a profile is not applied; an empty string where it is, or where there is none.

    Args:
        profile: as the file has it.
    """
    transform = _transform(profile) if profile else None
    return transform if isinstance(transform, str) else ""


@lru_cache(maxsize=16)
def _transform(profile: bytes) -> ImageCms.ImageCmsTransform | str | None:
    """The transform to sRGB, the reason why there is none, or None where nothing is to be done."""
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
    assert converted is not None  # only a conversion in place gives nothing back
    return converted

"""Properties of an item of a HEIC or AVIF file: size, colours, cropping and rotation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from handlers.structure.isobmff import Fields, full, unsupported
from handlers.structure.profiles import MAX_PROFILE
from handlers.structure.result import BROKEN, ImageError

Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels; right and bottom are outside."""

_CONFIGS: Final = (b"hvcC", b"av1C")
_ALPHA: Final = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_HDR: Final = (16, 18)
"""Transfer characteristics of ITU-T H.273: PQ and HLG."""

_UPRIGHT: Final = (0, 1, 2, 3)
"""Corners: top left, top right, bottom right, bottom left."""
_ORIENTATIONS: Final = {
    _UPRIGHT: 1,
    (1, 0, 3, 2): 2,
    (2, 3, 0, 1): 3,
    (3, 2, 1, 0): 4,
    (0, 3, 2, 1): 5,
    (3, 0, 1, 2): 6,
    (2, 1, 0, 3): 7,
    (1, 2, 3, 0): 8,
}
"""EXIF's orientation by which corner of the stored picture each shown corner is."""


@dataclass
class Properties:
    """Properties of one item."""

    width: int = 0
    """Pixels, before anything is cropped or turned; 0 where the file does not say."""
    height: int = 0
    """Pixels."""
    config: tuple[bytes, memoryview] | None = None
    """Name and content of the decoder's configuration."""
    crop: Box | None = None
    orientation: int = 1
    """EXIF's number for rotation and mirroring."""
    profile: bytes = b""
    """Colour profile that the file has."""
    primaries: int = 0
    """Number of its primaries in ITU-T H.273, where it has one."""
    alpha: bool = False
    """Whether the item is the transparency of another one."""
    kept: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Name and content of other properties that a decoder needs: colour coding, bits per
    channel."""


def properties(found: Sequence[tuple[bytes, memoryview, bool]]) -> Properties:
    """Read an item's properties.

    Args:
        found: name, content, and whether the item may not be shown without.

    Raises:
        ImageError: broken, or one that is needed is not supported.
    """
    known, corners = Properties(), _UPRIGHT
    for name, content, needed in found:
        if name == b"ispe":
            _, _, fields = full(content)
            if known.width:
                raise ImageError(BROKEN)
            known.width, known.height = fields.number(4), fields.number(4)
        elif name in _CONFIGS:
            if known.config is not None:
                raise ImageError(BROKEN)
            known.config = name, content
        elif name == b"colr":
            _colours(known, content)
        elif name == b"pixi":
            _, _, fields = full(content)
            known.kept.append((name, bytes(content[: 5 + fields.number(1)])))
        elif name == b"irot":
            for _ in range(Fields(content).number(1) & 3):
                corners = (*corners[1:], corners[0])
        elif name == b"imir":
            a, b, c, d = corners
            corners = (b, a, d, c) if Fields(content).number(1) & 1 else (d, c, b, a)
        elif name == b"clap":
            if known.crop is not None or corners != _UPRIGHT or not known.width:
                raise unsupported("the image is cropped in an unusual way")
            known.crop = _crop(content, known.width, known.height)
        elif name == b"auxC":
            _, _, fields = full(content)
            known.alpha = bytes(fields.rest()).partition(b"\0")[0] in _ALPHA
        elif needed:
            raise unsupported("the image has layers or an unknown property")
    known.orientation = _ORIENTATIONS[corners]
    return known


def _colours(known: Properties, content: memoryview) -> None:
    fields = Fields(content)
    kind = bytes(fields.take(4))
    if kind == b"nclx":
        values = fields.take(7)
        if int.from_bytes(values[2:4], "big") in _HDR:
            raise unsupported("the image is HDR (PQ or HLG)")
        known.primaries = int.from_bytes(values[:2], "big")
        known.kept.append((b"colr", kind + bytes(values)))
    elif kind in (b"prof", b"rICC") and not known.profile:
        known.profile = bytes(fields.rest()[: MAX_PROFILE + 1])


def _crop(content: memoryview, width: int, height: int) -> Box | None:
    """The clean aperture (ISO/IEC 14496-12, 12.1.4), rounded as libheif does it.

    Raises:
        ImageError: it is not inside the picture.
    """
    fields = Fields(content)
    values = []
    for sign in (False, False, True, True):
        above = int.from_bytes(fields.take(4), "big", signed=sign)
        below = fields.number(4)
        if not below:
            raise ImageError(BROKEN)
        values.append(Fraction(above, below))
    across, down = (math.floor(value + Fraction(1, 2)) for value in values[:2])
    left = math.floor(values[2] + Fraction(width - 1, 2) - (values[0] - 1) / 2)
    top = math.floor(values[3] + Fraction(height - 1, 2) - (values[1] - 1) / 2)
    box = left, top, left + across, top + down
    if min(left, top) < 0 or min(across, down) < 1 or box[2] > width or box[3] > height:
        raise ImageError(BROKEN)
    return None if box == (0, 0, width, height) else box

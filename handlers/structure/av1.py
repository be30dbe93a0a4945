"""Pictures by AV1 (AOMedia's bitstream specification) in an AVIF file, walked without decoding.

An item must hold one sequence header, whose size is the box's, and one key frame that is shown.
Only these are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from handlers.structure.bitstream import Bits, CodedPicture, Coding
from handlers.structure.isobmff import Fields, Part, check_count, unsupported
from handlers.structure.result import BROKEN, ImageError

MAX_UNITS: Final = 1_000
"""Units (OBU) of an item; usual are three."""

_SEQUENCE, _FRAME_HEADER, _TILE_GROUP, _FRAME = 1, 3, 4, 6
_LAYERED: Final = "the AVIF has several frames or layers in one item"


@dataclass(frozen=True)
class Config:
    """The decoder's configuration (av1C), shared by the items of a file."""

    content: bytes
    """The box without what the pixels do not need."""


@dataclass(frozen=True)
class _Sequence:
    """A sequence header."""

    coding: Coding
    reduced: bool
    """Whether the header declares a single picture, so that the frame need not."""


def config(box: memoryview) -> Config:
    """Read a configuration.

    Args:
        box: content of av1C.

    Raises:
        ImageError: broken.
    """
    content = bytes(Fields(box).take(4))
    if content[0] != 0x81:
        raise ImageError(BROKEN)
    return Config(content)  # the sequence header may follow, and is in the item again


def picture(data: memoryview) -> CodedPicture:
    """Walk an item's units.

    Args:
        data: of the item.

    Raises:
        ImageError: broken, beyond a bound, or not one key frame.
    """
    sequence: _Sequence | None = None
    parts: list[Part] = []
    frames = 0
    for kind, extended, unit, payload in _units(data):
        if kind not in (_SEQUENCE, _FRAME_HEADER, _TILE_GROUP, _FRAME):
            continue  # delimiters, metadata, padding
        if extended:
            raise unsupported(_LAYERED)
        if kind == _SEQUENCE:
            if sequence is not None:
                raise unsupported(_LAYERED)
            sequence = _sequence(bytes(payload))
        elif sequence is None:
            raise ImageError(BROKEN)
        elif kind in (_FRAME, _FRAME_HEADER):
            frames += 1
            if frames > 1:
                raise unsupported(_LAYERED)
            # show_existing_frame, frame_type (0: key), show_frame
            if not sequence.reduced and Bits(bytes(payload[:1])).take(4) != 0b0001:
                raise unsupported("the AVIF has a picture that needs others, or is not shown")
        parts.append(unit)
    if sequence is None or not frames:
        raise ImageError(BROKEN)
    return CodedPicture(sequence.coding, tuple(parts))


def _units(data: memoryview) -> Iterator[tuple[int, bool, Part, memoryview]]:
    """Yield kind, layer flag, complete bytes and content of each unit.

    Raises:
        ImageError: one goes beyond the end, or there are too many.
    """
    at = count = 0
    while at < len(data):
        count += 1
        check_count(count, MAX_UNITS, "units of a video")
        fields = Fields(data[at:])
        head = fields.number(1)
        extended = bool(head & 4)
        fields.take(extended)
        if head & 0x80:
            raise ImageError(BROKEN)
        if head & 2:
            payload = fields.take(_leb128(fields))
        else:  # to the end, which only the last unit may
            payload = fields.rest()
            fields.take(len(payload))
        end = len(data) - len(fields.rest())
        yield head >> 3 & 15, extended, data[at:end], payload
        at = end


def _leb128(fields: Fields) -> int:
    value = 0
    for index in range(8):
        byte = fields.number(1)
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value
    raise ImageError(BROKEN)


def _sequence(header: bytes) -> _Sequence:
    """Read a sequence header (5.5.1 to 5.5.2 of the specification).

    Raises:
        ImageError: it ends before.
    """
    bits = Bits(header)
    profile = bits.take(3)
    bits.take(1)
    reduced = bool(bits.take(1))
    if reduced:
        bits.take(5)
    else:
        _operating_points(bits)
    across, down = bits.take(4) + 1, bits.take(4) + 1
    width, height = bits.take(across) + 1, bits.take(down) + 1
    if not reduced and bits.take(1):
        bits.take(7)
    bits.take(3)
    if not reduced:
        bits.take(4)
        ordered = bits.take(1)
        bits.take(2 * ordered)
        content_tools = 2 if bits.take(1) else bits.take(1)
        if content_tools and not bits.take(1):
            bits.take(1)
        bits.take(3 * ordered)
    bits.take(3)
    depth = 8
    if bits.take(1):
        depth = 12 if profile == 2 and bits.take(1) else 10
    grey = profile != 1 and bits.take(1)
    # Of the professional profile 4:2:2 costs less than this says.
    samples = 1.0 if grey else 1.5 if profile == 0 else 3.0
    coding = Coding(width, height, coded=width * height, samples=samples, depth=depth)
    return _Sequence(coding, reduced)


def _operating_points(bits: Bits) -> None:
    """Skip timing and operating points."""
    delay = 0
    if bits.take(1):
        bits.take(64)
        if bits.take(1):
            bits.exp_golomb()
        if bits.take(1):
            delay = bits.take(5) + 1
            bits.take(32 + 10)
    display = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay and bits.take(1):
            bits.take(2 * delay + 1)
        if display and bits.take(1):
            bits.take(4)

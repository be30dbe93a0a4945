"""Segments and scans of a JPEG (ITU-T T.81, annex B), walked without decoding.

libjpeg decodes every scan of a file into the same coefficients: a scan of a few bytes costs a pass
over all blocks. Pillow reads segments in Python, and what lies between them byte by byte. Hence
scans, segments, tables and stray bytes are bounded, and only what the pixels need is kept.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import Final

from handlers.structure import costs
from handlers.structure.orientation import MAX_EXIF, orientation
from handlers.structure.profiles import MAX_PROFILE
from handlers.structure.result import BROKEN, ImageError, Structure

MAX_SCANS: Final = 64
"""Maximum number of scans. Cameras write 1, encoders of progressive JPEG 6 to 14."""

MAX_SEGMENTS: Final = 2_000
"""Maximum number of segments. A file of 20 MB that consists of full segments has 305; 2,000 take a
millisecond to check."""

MAX_TABLE_BYTES: Final = 65_536
"""Quantisation and Huffman tables; a photograph has 1,000, a progressive one some 3,000. Pillow
reads a quantisation table in Python."""

MAX_BUFFERED_MEGASAMPLES: Final = 80.0
"""Limit for a picture of more than one scan, whose coefficients libjpeg keeps, 2 bytes each. 25
megapixels with full colour have 75."""

MAX_STRAY_BYTES: Final = 65_536
"""Bytes between segments that belong to none of them; editors leave a few, or padding."""

_MARKER: Final = re.compile(rb"\xff[\x01-\xfe]")
_SCAN_END: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

_SOI, _EOI, _SOS, _DQT, _DHT, _DRI = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_BARE: Final = {0x01, _SOI, *range(0xD0, 0xD8)}
"""Markers without a segment."""
_TAKEN: Final = {0xC0: "baseline", 0xC1: "extended sequential", 0xC2: "progressive"}
_REFUSED: Final = {
    0xC3: "lossless",
    0xC5: "hierarchical",
    0xC6: "hierarchical",
    0xC7: "lossless hierarchical",
    0xC8: "JPEG extension",
    0xC9: "arithmetic-coded",
    0xCA: "arithmetic-coded progressive",
    0xCB: "arithmetic-coded lossless",
    0xCC: "arithmetic-coded",
    0xCD: "arithmetic-coded hierarchical",
    0xCE: "arithmetic-coded hierarchical",
    0xCF: "arithmetic-coded hierarchical",
    0xDE: "hierarchical",
    0xF7: "JPEG-LS",
}


@dataclass
class _Walk:
    """State while a file is read."""

    data: memoryview
    parts: list[bytes | memoryview] = field(default_factory=lambda: [b"\xff\xd8"])
    segments: int = 0
    stray_bytes: int = 0
    table_bytes: int = 0
    exif: bytes = b""
    xmp: bytes = b""
    profile: dict[int, bytes] = field(default_factory=dict)
    """Parts of the colour profile by their number, from 1 on."""
    profile_parts: int = 0
    frame: costs.JpegFrame | None = None
    size: tuple[int, int] = (0, 0)
    scans: list[costs.Scan] = field(default_factory=list)
    scan_bytes: int = 0


def walk(data: bytes) -> Structure:
    """Read a JPEG to the end of its first picture.

    Args:
        data: that begins with the bytes FF D8 FF.

    Raises:
        ImageError: broken, of an unsupported kind, or beyond a bound.
    """
    state = _Walk(memoryview(data))
    at = 2
    while True:
        found = _MARKER.search(data, at)
        if found is None:
            break  # truncated: the decoder says whether the picture is complete
        marker = data[found.start() + 1]
        if not state.scans or marker != _EOI:
            _count(state, stray=found.start() - at)
        at = found.end()
        if marker == _EOI or (marker == _SOI and state.scans):
            state.parts.append(b"\xff\xd9")
            break
        if marker in _BARE:
            _count(state, segment=1)
            continue
        end = at + _length(data, at)
        _segment(state, marker, at, min(end, len(data)))
        at = end
        if marker == _SOS:
            at = _scan(state, data, at)
    if state.frame is None or not state.scans:
        raise ImageError(BROKEN)
    samples = sum(state.frame.megasamples.values())
    several = state.frame.progressive or len(state.scans) > 1
    if several and samples > MAX_BUFFERED_MEGASAMPLES:
        raise ImageError(
            f"the JPEG comes in several scans and has {samples:.0f} million samples; at most "
            f"{MAX_BUFFERED_MEGASAMPLES:g} are accepted: save it as a baseline JPEG in RGB",
            "too_complex",
            seen=f"{samples:.0f}",
            limit=f"{MAX_BUFFERED_MEGASAMPLES:g}",
        )
    width, height = state.size
    turn = orientation(state.exif, state.xmp)
    return Structure(
        format="JPEG",
        width=width,
        height=height,
        cost=costs.jpeg(state.frame, state.scans, state.scan_bytes, turned=turn > 1),
        orientation=turn,
        parts=tuple(state.parts),
        profile=_profile(state),
        reduction=costs.reduction(width, height),
        pixel_cost=costs.jpeg_pixel(state.frame, turned=turn > 1),
    )


def _length(data: bytes, at: int) -> int:
    if at + 2 > len(data):
        raise ImageError(BROKEN)
    length = int.from_bytes(data[at : at + 2], "big")
    if length < 2:
        raise ImageError(BROKEN)
    return length


def _count(state: _Walk, *, stray: int = 0, table: int = 0, segment: int = 0) -> None:
    """Count an element and check its limit.

    Raises:
        ImageError: a bound is passed.
    """
    state.stray_bytes += stray
    state.table_bytes += table
    state.segments += segment
    for name, count, limit in (
        ("bytes between its segments", state.stray_bytes, MAX_STRAY_BYTES),
        ("bytes of tables", state.table_bytes, MAX_TABLE_BYTES),
        ("segments", state.segments, MAX_SEGMENTS),
        ("scans", len(state.scans), MAX_SCANS),
    ):
        if count > limit:
            raise ImageError(
                f"the JPEG has more than {limit:,} {name}: save it again as a plain JPEG",
                "too_complex",
                seen=f"{count:,}",
                limit=f"{limit:,}",
            )


def _segment(state: _Walk, marker: int, at: int, end: int) -> None:
    """Read one segment, from its length on; kept if the pixels need it."""
    _count(state, segment=1)
    content = state.data[at + 2 : end]
    if marker in _TAKEN:
        _frame(state, marker, bytes(content[:64]))
    elif marker in _REFUSED:
        raise _unsupported(_REFUSED[marker])
    elif marker in (_DQT, _DHT):
        _count(state, table=end - at)
    elif marker == _APP1:
        _metadata(state, content)
    elif marker == _APP2 and bytes(content[:12]) == b"ICC_PROFILE\0" and len(content) > 14:
        state.profile_parts = content[13]
        if sum(map(len, state.profile.values())) <= MAX_PROFILE:
            state.profile.setdefault(content[12], bytes(content[14:]))
    kept = marker in _TAKEN or marker in (_SOS, _DQT, _DHT, _DRI)
    kept = kept or (marker == _APP0 and bytes(content[:5]) == b"JFIF\0")
    if kept or (marker == _APP14 and bytes(content[:5]) == b"Adobe"):
        state.parts.append(state.data[at - 2 : end])


def _metadata(state: _Walk, content: memoryview) -> None:
    head = bytes(content[:29])
    if head.startswith(b"Exif\0\0") and len(state.exif) < MAX_EXIF:
        state.exif += bytes(content[6 if state.exif else 0 :])
    elif head == b"http://ns.adobe.com/xap/1.0/\0":
        state.xmp = bytes(content[29:])


def _profile(state: _Walk) -> bytes:
    """Return the colour profile; empty if a part of it is missing."""
    numbers = range(1, state.profile_parts + 1)
    return b"".join(state.profile.get(number, b"") for number in numbers)


def _unsupported(name: str) -> ImageError:
    return ImageError(
        f"the JPEG is {name}, which is not supported: save it as a baseline or progressive JPEG "
        "with 8 bits a channel",
        "unsupported",
    )


def _frame(state: _Walk, marker: int, content: bytes) -> None:
    """Read the frame header: precision, size and components."""
    if state.frame is not None:
        raise ImageError("the JPEG has two frames: save it again as a plain JPEG", "unsupported")
    try:
        bits, height, width, count = struct.unpack_from(">BHHB", content)
        components = list(struct.iter_unpack("BBB", content[6 : 6 + 3 * count]))
    except struct.error:
        raise ImageError(BROKEN) from None
    if bits != 8:
        raise _unsupported(f"of {bits} bits a channel")
    if count not in (1, 3, 4) or len(components) != count:
        raise ImageError(BROKEN)
    sampling = {name: (factors >> 4, factors & 15) for name, factors, _ in components}
    if not all(1 <= factor <= 4 for pair in sampling.values() for factor in pair):
        raise ImageError(BROKEN)
    state.size = width, height
    widest = max(across for across, _ in sampling.values())
    highest = max(down for _, down in sampling.values())
    state.frame = costs.JpegFrame(
        width=width,
        height=height,
        progressive=_TAKEN[marker] == "progressive",
        megasamples={
            name: width * height * across * down / (widest * highest) / 1e6
            for name, (across, down) in sampling.items()
        },
    )


def _scan(state: _Walk, data: bytes, at: int) -> int:
    """Read one scan after its header, its coverage of the picture and its end."""
    header = bytes(state.parts[-1])
    if state.frame is None or len(header) < 5 or len(header) < 8 + 2 * header[4]:
        raise ImageError(BROKEN)
    names = header[5 : 5 + 2 * header[4] : 2]
    start, _, precision = header[5 + 2 * header[4] : 8 + 2 * header[4]]
    samples = sum(state.frame.megasamples.get(name, 0.0) for name in names)
    state.scans.append(costs.Scan(samples, refines=start > 0 and precision >> 4 > 0))
    _count(state)
    found = _SCAN_END.search(data, at)
    end = found.start() if found else len(data)
    state.scan_bytes += end - at
    state.parts.append(state.data[at:end])
    return end

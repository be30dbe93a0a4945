"""Read and write boxes of ISO's base media file format (ISO/IEC 14496-12).

HEIC and AVIF files consist of them. Every length is checked before it is used.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from handlers.structure.result import BROKEN, ImageError

MAX_BOXES: Final = 2_000
"""Boxes in one box. A phone's photograph has 200 items, a box each."""

Part = bytes | memoryview


class Fields:
    """Sequence of whole numbers, big-endian like the whole format.

    Args:
        view: the bytes that hold them.
    """

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._at = 0

    def number(self, size: int) -> int:
        """Read the next number.

        Args:
            size: bytes that it takes; without bytes it is 0.

        Raises:
            ImageError: the bytes end before.
        """
        return int.from_bytes(self.take(size), "big")

    def take(self, size: int) -> memoryview:
        """Read the next bytes.

        Args:
            size: bytes to take.

        Raises:
            ImageError: there are fewer.
        """
        end = self._at + size
        if end > len(self._view):
            raise ImageError(BROKEN)
        taken, self._at = self._view[self._at : end], end
        return taken

    def rest(self) -> memoryview:
        """Return all remaining bytes."""
        return self._view[self._at :]


def boxes(view: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield name and content of each box.

    Args:
        view: what holds them, nothing before the first.

    Raises:
        ImageError: one goes beyond the end, or there are too many.
    """
    at = count = 0
    while at + 8 <= len(view):
        size, name = struct.unpack_from(">L4s", view, at)
        header = 8
        if size == 1:
            header, size = 16, int.from_bytes(view[at + 8 : at + 16], "big")
        elif size == 0:
            size = len(view) - at
        count += 1
        if size < header or at + size > len(view):
            raise ImageError(BROKEN)
        check_count(count, MAX_BOXES, "boxes")
        yield name, view[at + header : at + size]
        at += size


def full(view: memoryview) -> tuple[int, int, Fields]:
    """Split the content of a full box into version, flags and the rest.

    Args:
        view: content of the box.

    Raises:
        ImageError: it is too short.
    """
    fields = Fields(view)
    return fields.number(1), fields.number(3), fields


def check_count(count: int, limit: int, what: str) -> None:
    """Reject a file that has too many of something.

    Args:
        count: how many it has.
        limit: how many it may have; a number without a unit.
        what: they are, for the message.

    Raises:
        ImageError: there are more.
    """
    if count > limit:
        raise ImageError(
            f"the image has more than {limit:,} {what}: save a copy as JPEG and send that",
            "too_complex",
            seen=f"{count:,}",
            limit=f"{limit:,}",
        )


def unsupported(what: str) -> ImageError:
    """Return the error for a variant that is not supported.

    Args:
        what: the file is or has, beginning with the subject of the sentence.
    """
    return ImageError(
        f"{what}, which is not supported: save a copy as JPEG and send that", "unsupported"
    )


def box(name: bytes, *parts: Part) -> bytes:
    """Write a box.

    Args:
        name: of four letters.
        parts: its content, to be joined.
    """
    content = b"".join(parts)
    return struct.pack(">L4s", 8 + len(content), name) + content

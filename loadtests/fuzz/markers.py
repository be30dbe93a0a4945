"""A text in every body, by which it is found again where it must not be."""

from __future__ import annotations

import base64
import re
from typing import Final

PREFIX: Final = b"FuzzMarkerQ8-"
PATTERN: Final = re.compile(re.escape(PREFIX) + rb"([0-9]{8})-Z")


def marker(index: int) -> bytes:
    """Of the request with this index: 23 bytes of ASCII."""
    return b"%b%08d-Z" % (PREFIX, index)


def _disguises() -> tuple[bytes, ...]:
    """The prefix in base64, at each of the three places where it can begin, and escaped."""
    spelled = []
    for skipped in range(3):
        text = base64.b64encode(bytes(skipped) + PREFIX + bytes(3))
        # Only characters all of whose six bits are the prefix's.
        spelled.append(text[-(-8 * skipped // 6) : 8 * (skipped + len(PREFIX)) // 6])
    escaped = "".join(f"\\x{byte:02x}" for byte in PREFIX)
    return (*spelled, PREFIX.hex().encode(), escaped.encode())


DISGUISES: Final = _disguises()


def found_in(text: bytes) -> list[int]:
    """Indices of the requests whose marker is in a text; -1 where it is cut off or disguised."""
    found = [int(match[1]) for match in PATTERN.finditer(text)]
    if not found and (PREFIX in text or any(spelling in text for spelling in DISGUISES)):
        return [-1]
    return found

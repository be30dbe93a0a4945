"""A marker in every body, to find leaks of it into logs and answers."""

from __future__ import annotations

import base64
import re
from typing import Final

PREFIX: Final = b"FuzzMarkerQ8-"
PATTERN: Final = re.compile(re.escape(PREFIX) + rb"([0-9]{8})-Z")


def marker(index: int) -> bytes:
    """Marker of the request with this index: 23 bytes of ASCII."""
    return b"%b%08d-Z" % (PREFIX, index)


def _disguises() -> tuple[bytes, ...]:
    """Return the prefix in base64, at each of its three alignments, and escaped."""
    spelled = []
    for skipped in range(3):
        text = base64.b64encode(bytes(skipped) + PREFIX + bytes(3))
        # Only characters whose six bits all belong to the prefix.
        spelled.append(text[-(-8 * skipped // 6) : 8 * (skipped + len(PREFIX)) // 6])
    escaped = "".join(f"\\x{byte:02x}" for byte in PREFIX)
    return (*spelled, PREFIX.hex().encode(), escaped.encode())


DISGUISES: Final = _disguises()


def found_in(text: bytes) -> list[int]:
    """Return indices of the requests whose marker is in a text; -1 if it is incomplete."""
    found = [int(match[1]) for match in PATTERN.finditer(text)]
    if not found and (PREFIX in text or any(spelling in text for spelling in DISGUISES)):
        return [-1]
    return found

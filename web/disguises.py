"""Files that are a photograph and something else as well."""

from __future__ import annotations

import re
from typing import Final

HEAD: Final = 4096
"""Bytes at the start in which a browser or a PDF reader looks for what a file is."""

TAIL: Final = 65_557
"""Bytes at the end in which a ZIP reader looks: its last record and the longest comment."""

_PAGE: Final = re.compile(rb"<(script|html|svg|iframe)[\s>/]|<!doctype\s|<\?php", re.IGNORECASE)
_TAILS: Final = (b"PK\x05\x06", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c")


def is_polyglot(data: bytes) -> bool:
    """Whether a picture's file would open as a web page, a PDF or an archive too.

    What is sent on is drawn anew and carries none of it: such a file is refused because nobody
    has it by accident. Only the places where other programs look are searched; elsewhere
    compressed pixels would match by chance. Phones append pictures and films (motion photos,
    HDR), so appended data alone is no sign.
    """
    head, tail = data[:HEAD], data[-TAIL:]
    return bool(
        _PAGE.search(head)
        or _PAGE.search(tail)
        or b"%PDF-" in head
        or any(sign in tail for sign in _TAILS)
    )

"""Detect polyglot files: a photograph and another document in one file."""

from __future__ import annotations

import re
from typing import Final

HEAD: Final = 4096
"""Bytes at the start in which browsers and PDF readers search for a file type."""

TAIL: Final = 65_557
"""Bytes at the end in which ZIP readers search: the last record and the longest comment."""

_PAGE: Final = re.compile(rb"<(script|html|svg|iframe)[\s>/]|<!doctype\s|<\?php", re.IGNORECASE)
_TAILS: Final = (b"PK\x05\x06", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c")


def is_polyglot(data: bytes) -> bool:
    """Whether a picture's file would also open as a web page, a PDF or an archive.

    The picture is re-encoded anyway, which removes such content; the file is refused because it
    does not come about by accident. Only the parts of the file that other programs search are
    checked; elsewhere compressed pixels would match by chance. Phones append pictures and videos
    (motion photos, HDR), so appended data alone is not a sign of a polyglot.
    """
    head, tail = data[:HEAD], data[-TAIL:]
    return bool(
        _PAGE.search(head)
        or _PAGE.search(tail)
        or b"%PDF-" in head
        or any(sign in tail for sign in _TAILS)
    )

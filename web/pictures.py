"""Reduce an uploaded file to pixels: only these are sent to the service and shown."""

from __future__ import annotations

import io
import re
from typing import BinaryIO, Final

from PIL import Image

from handlers.decoding import SIDE, decode, framed_view
from handlers.structure import WHOLE, Box, ImageError, Limits, result
from web.errors import Kind, PageError

__all__ = ["SIDE", "read"]

HEAD: Final = 4096
"""Bytes at the start in which browsers and PDF readers search for a file type."""

TAIL: Final = 65_557
"""Bytes at the end in which ZIP readers search: the last record and the longest comment."""

_PAGE: Final = re.compile(rb"<(script|html|svg|iframe)[\s>/]|<!doctype\s|<\?php", re.IGNORECASE)
_TAILS: Final = (b"PK\x05\x06", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c")

_KINDS: Final[dict[result.Kind, Kind]] = {
    "empty": "not_a_picture",
    "not_an_image": "not_a_picture",
    "heic": "heic",
    "avif": "avif",
    "jpeg_xl": "jpeg_xl",
    "jpeg_2000": "jpeg_2000",
    "dicom": "dicom",
    "broken": "broken",
    "unsupported": "too_complex",
    "too_complex": "too_complex",
    "too_many_pixels": "too_many_pixels",
    "too_few_pixels": "too_few_pixels",
}


def read(file: BinaryIO, max_pixels: int, box: Box = WHOLE) -> bytes:
    """Decode a square of an image file and encode it again; call it in a thread.

    It is all that the model sees of a photograph: what is around it goes nowhere.

    EXIF's orientation is applied, and everything but pixels dropped: position, camera, time,
    thumbnail, comments, colour profile. Of an animated file the first frame is taken. The decoder
    is the service's, so a photograph gets the answer that its file would get.

    Args:
        file: at its start.
        max_pixels: width times height, at most; read from the header, before a pixel is decoded.
        box: whose square it is; without one, the centre square.

    Returns:
        PNG of 224 x 224 pixels, upright RGB, without metadata.

    Raises:
        PageError: not a picture, of another format, too large, too small, too complex, broken, or
            more than a picture.
    """
    data = file.read()
    try:
        picture = decode(data, Limits(max_pixels=max_pixels), box=box)
    except ImageError as error:
        raise PageError(_KINDS[error.kind], None, **error.values) from error
    if is_polyglot(data):
        raise PageError("polyglot")
    return _png(framed_view(picture, box))


def _png(picture: Image.Image) -> bytes:
    picture.info.clear()  # Pillow would write a colour profile and more from it
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


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

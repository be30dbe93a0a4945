"""Error for a file that cannot be used, for people and for programs."""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal[
    "empty",
    "not_an_image",
    "heic",
    "avif",
    "jpeg_xl",
    "jpeg_2000",
    "dicom",
    "broken",
    "unsupported",
    "too_many_pixels",
    "too_few_pixels",
    "too_complex",
]
"""``unsupported`` is an unusual variant of a format; ``too_complex`` costs too much to decode."""

NOT_AN_IMAGE: Final = "not a JPEG, PNG or WebP image"
BROKEN: Final = "the image is broken or cut off and cannot be decoded: send the whole file again"


class ImageError(ValueError):
    """The file cannot be used; the message is for the client and says how to fix it.

    Args:
        message: what is wrong, and the fix.
        kind: the same for programs.
        values: figures of the message, as text: ``seen`` and ``limit``.
    """

    def __init__(self, message: str, kind: Kind = "broken", **values: str) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.values = values


def check_pixels(width: int, height: int, most: int, what: str) -> None:
    """Refuse a picture of a format that cannot be scaled down while it is decoded.

    Args:
        width: pixels.
        height: pixels.
        most: width times height, at most.
        what: the format, with its article.

    Raises:
        ImageError: it has more.
    """
    if width * height > most:
        seen, limit = f"{width * height / 1e6:.1f}", f"{most / 1e6:g}"
        raise ImageError(
            f"{width} x {height} pixels are {seen} megapixels; of {what} at most {limit} are "
            "accepted: scale the photograph down, or send a JPEG",
            "too_many_pixels",
            seen=seen,
            limit=limit,
        )

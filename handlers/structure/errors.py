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

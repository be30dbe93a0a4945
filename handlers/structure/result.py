"""Result of an inspection: the structure of a file, or the error that says why it is unusable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

Format = Literal["JPEG", "PNG", "WEBP", "HEIC", "AVIF"]

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


@dataclass(frozen=True)
class Structure:
    """A file that may be decoded, reduced to what its pixels need."""

    format: Format
    width: int
    """Pixels, as the file stores the picture: before its orientation is applied."""
    height: int
    """Pixels."""
    cost: float
    """Estimated cost of decoding, in megapixel equivalents: what a megapixel of a phone's baseline
    JPEG of 3 bits a pixel costs."""
    orientation: int
    """EXIF's, 1 to 8; 1 where the file says nothing usable."""
    parts: tuple[bytes | memoryview, ...]
    """The reduced file, to be joined."""
    profile: bytes = b""
    """Colour profile of the pixels, as the file has it; it may be anything."""
    crop: tuple[int, int, int, int] | None = None
    """Left, top, right and bottom of what is shown, in pixels; None where it is all of the picture.
    It is cropped before its orientation is applied."""

    reduction: int = 1
    """By how much the decoder scales it down: 1, 2, 4 or 8, for a JPEG."""
    pixel_cost: float = 0.0
    """Part of the cost that a megapixel of the reduced picture has, where it can be reduced."""

    @property
    def is_heif(self) -> bool:
        """Whether it is HEIC or AVIF, which are optional and have a separate budget."""
        return self.format in ("HEIC", "AVIF")

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height of the visible part, in pixels."""
        if self.crop is None:
            return self.width, self.height
        left, top, right, bottom = self.crop
        return right - left, bottom - top

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height of the visible part after its orientation is applied, in pixels."""
        width, height = self.shown
        return (height, width) if self.orientation > 4 else (width, height)

    def reduced(self, reduction: int) -> Structure:
        """Return the same file, to be decoded at another scale, with the cost of that.

        Args:
            reduction: 1, 2, 4 or 8.
        """
        megapixels = self.width * self.height / 1e6
        more = megapixels * self.pixel_cost * (reduction**-2 - self.reduction**-2)
        return replace(self, reduction=reduction, cost=self.cost + more)

    def file(self) -> bytes:
        """Return the reduced file: the same pixels without any metadata."""
        return b"".join(self.parts)


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

"""Result of :func:`handlers.structure.inspect`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Format = Literal["JPEG", "PNG", "WEBP", "HEIC", "AVIF"]


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

    def file(self) -> bytes:
        """Return the reduced file: the same pixels without any metadata."""
        return b"".join(self.parts)

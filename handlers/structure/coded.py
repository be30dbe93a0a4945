"""A picture as one item of a HEIC or AVIF file codes it."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.structure.isobmff import Part


@dataclass(frozen=True)
class Coding:
    """Size and format of a picture, as announced to a video decoder."""

    width: int
    """Pixels of the decoded width."""
    height: int
    """Pixels of the decoded height."""
    coded: int
    """Pixels that are coded, those cropped at the edges included."""
    samples: float
    """Samples per pixel: 1 for grey, 1.5 with 4:2:0, 2 with 4:2:2, 3 with 4:4:4."""
    depth: int
    """Bits of a sample."""


@dataclass(frozen=True)
class CodedPicture:
    """One picture, reduced to what its pixels need."""

    coding: Coding
    parts: tuple[Part, ...]
    """Pieces of the reduced bitstream, to be joined."""
    passes: int = 1
    """How often each pixel may be decoded at most."""

    @property
    def length(self) -> int:
        """Bytes of the reduced bitstream."""
        return sum(map(len, self.parts))

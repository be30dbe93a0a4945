"""A picture as one item of a HEIC or AVIF file codes it."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.structure.isobmff import Part


@dataclass(frozen=True)
class Coding:
    """What a decoder of video is told about a picture before it decodes it."""

    width: int
    """Pixels that come out."""
    height: int
    """Pixels that come out."""
    coded: int
    """Pixels that are coded: those that are cut off at the rim included."""
    samples: float
    """A pixel: 1 of grey, 1.5 with 4:2:0, 2 with 4:2:2, 3 with 4:4:4."""
    depth: int
    """Bits of a sample."""


@dataclass(frozen=True)
class CodedPicture:
    """One picture, reduced to what its pixels need."""

    coding: Coding
    parts: tuple[Part, ...]
    """The reduced bitstream, to be joined."""
    passes: int = 1
    """How often each pixel may be decoded."""

    @property
    def length(self) -> int:
        """Bytes of the reduced bitstream."""
        return sum(map(len, self.parts))

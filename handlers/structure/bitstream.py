"""Coded pictures of HEIC and AVIF files, and the numbers in the headers of their bitstreams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from handlers.structure.isobmff import Part
from handlers.structure.result import BROKEN, ImageError

MAX_BYTES: Final = 4_096
"""Bytes that are read at most. A header as encoders write it has fewer than 100."""


class Bits:
    """Numbers of any number of bits, the most significant bit first.

    Args:
        data: the header; bytes beyond the first 4,096 are not read.
    """

    def __init__(self, data: bytes) -> None:
        data = data[:MAX_BYTES]
        self._left = 8 * len(data)
        self._value = int.from_bytes(data, "big")

    def take(self, count: int) -> int:
        """Read the next bits as a whole number.

        Args:
            count: bits to take.

        Raises:
            ImageError: there are fewer.
        """
        self._left -= count
        if self._left < 0:
            raise ImageError(BROKEN)
        return self._value >> self._left & (1 << count) - 1

    def exp_golomb(self) -> int:
        """Read the next number of H.265's variable length (ue(v)); AV1's uvlc() is coded alike.

        Raises:
            ImageError: the bits end before, or it has more than 32.
        """
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise ImageError(BROKEN)
        return (1 << zeros) - 1 + self.take(zeros)


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

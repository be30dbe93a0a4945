"""Read numbers from the bits of a video stream's headers."""

from __future__ import annotations

from typing import Final

from handlers.structure.errors import BROKEN, ImageError

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

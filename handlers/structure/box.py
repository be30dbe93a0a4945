"""The part of a photograph that a request is about: a box, and the square that the model sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

EXPECTED: Final = (
    "expected [x, y, width, height], the left and top edge and the size as shares of the upright "
    "photograph's width and height, for example [0.25, 0.4, 0.2, 0.2]"
)
SLACK: Final = 1e-6
"""Share by which a box may reach beyond the photograph, for clients that round."""


@dataclass(frozen=True)
class Box:
    """A part of an upright photograph, in shares of its width and height."""

    x: float
    """Left edge."""
    y: float
    """Top edge."""
    width: float
    height: float

    @classmethod
    def of(cls, value: Any) -> Box:
        """Read a box from a JSON value.

        Raises:
            ValueError: it is not four numbers, or does not lie in the photograph.
        """
        if not isinstance(value, list) or len(value) != 4:
            raise ValueError(f"the box is not a list of four numbers: {EXPECTED}")
        if not all(type(number) in (int, float) for number in value):
            raise ValueError(f"a number of the box is not a number: {EXPECTED}")
        # Compared before they are converted: an integer of JSON may have hundreds of digits.
        if not all(-SLACK <= number <= 1 + SLACK for number in value):
            raise ValueError(f"a number of the box is not between 0 and 1: {EXPECTED}")
        x, y, width, height = (min(max(float(number), 0.0), 1.0) for number in value)
        if min(width, height) <= 0:
            raise ValueError(f"the box has no width or no height: {EXPECTED}")
        if x + width > 1 + SLACK or y + height > 1 + SLACK:
            raise ValueError(f"the box reaches beyond the photograph: {EXPECTED}")
        return cls(x, y, width, height)

    @classmethod
    def parse(cls, text: str) -> Box:
        """Read a box from the text of a header or form field: four numbers and commas.

        Raises:
            ValueError: as for :meth:`of`.
        """
        try:
            numbers = [float(part) for part in text.split(",")]
        except ValueError:
            raise ValueError(
                "the box is not four numbers with commas between them: for example "
                "0.25,0.4,0.2,0.2 (left, top, width, height, as shares of the photograph)"
            ) from None
        return cls.of(numbers)

    @property
    def text(self) -> str:
        """The box as :meth:`parse` reads it: four numbers and commas."""
        return ",".join(map(repr, (self.x, self.y, self.width, self.height)))

    def square(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Return the square that the model sees: left, top, right and bottom in pixels.

        The smallest one around the box, moved to where the photograph has pixels; at most as large
        as its short side.

        Args:
            size: width and height of the upright photograph in pixels.
        """
        width, height = size
        side = min(max(self.width * width, self.height * height), width, height)
        left = _start((self.x + self.width / 2) * width, side, width)
        top = _start((self.y + self.height / 2) * height, side, height)
        return left, top, min(left + side, width), min(top + side, height)


WHOLE: Final = Box(0.0, 0.0, 1.0, 1.0)
"""The box of a request without one, whose square is the centre square."""


def shares_of(
    square: tuple[float, float, float, float], size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Return a square in pixels as x, y, width and height in shares of a photograph's size."""
    (left, top, right, bottom), (width, height) = square, size
    return (
        round(left / width, 6),
        round(top / height, 6),
        round((right - left) / width, 6),
        round((bottom - top) / height, 6),
    )


def _start(centre: float, side: float, length: int) -> float:
    # Without the last digits of a float: a client's 0.7 of 2000 pixels is pixel 1400.
    return round(min(max(centre, side / 2), length - side / 2) - side / 2, 6)

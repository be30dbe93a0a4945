"""Values of ``LESIONLENS_*`` variables for plain dataclasses; the serving image has no pydantic."""

from __future__ import annotations

import math


def parsed(name: str, kind: str, text: str, *, may_be_zero: bool = False) -> object:
    """What a variable says, as its field's type has it.

    Args:
        name: of the variable.
        kind: the field's annotation, as text: ``str``, ``tuple[str, ...]``, ``int`` or ``float``.
        text: of the variable, not empty.
        may_be_zero: whether a number may be zero.

    Raises:
        ValueError: not such a value; names the variable and what it expects.
    """
    if kind == "str":
        return text
    if kind.startswith("tuple"):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        number = int(text) if kind == "int" else float(text)
    except ValueError:
        raise ValueError(f"{name}={text!r} is not a number ({kind})") from None
    least = "zero or more" if may_be_zero else "above zero"
    if not math.isfinite(number) or number < 0 or (number == 0 and not may_be_zero):
        raise ValueError(f"{name}={text!r} must be {least} and finite")
    return number

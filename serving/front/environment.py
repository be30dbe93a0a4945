"""Values of ``LESIONLENS_*`` variables for plain dataclasses; the serving image has no pydantic.

Kubernetes gives every container variables for every Service of its namespace. A Service
``lesionlens-page`` makes ``LESIONLENS_PAGE_PORT=tcp://10.96.138.45:80``: the name of a setting,
with a value that is never meant. Our manifests switch these variables off
(``enableServiceLinks: false``); others may not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

_LINK: Final = re.compile(r"(tcp|udp|sctp)://[^\s/]+:[0-9]+")


def parsed(name: str, kind: str, text: str, *, may_be_zero: bool = False) -> object:
    """Convert the text of a variable to the type of its field.

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


def is_service_link(text: str) -> bool:
    """Whether a value is the address of a Service, as Kubernetes and Docker's links write it."""
    return _LINK.fullmatch(text.strip()) is not None


def without_service_links(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are not Service links.

    Args:
        environment: of a container.
    """
    return {
        name: text
        for name, text in environment.items()
        if not (name.endswith("_PORT") and is_service_link(text))
    }

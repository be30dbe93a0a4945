"""Read ``LESIONLENS_*`` variables into plain dataclasses; the serving image has no pydantic."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Container, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Final, TypeVar

Settings = TypeVar("Settings")
_LINK: Final = re.compile(r"(tcp|udp|sctp)://[^\s/]+:[0-9]+")


def read(
    kind: type[Settings], environment: Mapping[str, str], may_be_zero: Container[str] = ()
) -> Settings:
    """Read each field from ``LESIONLENS_<FIELD>``; empty variables count as unset.

    Args:
        kind: the dataclass.
        environment: variables of the process.
        may_be_zero: fields whose number may be zero.

    Raises:
        ValueError: an invalid value; names the variable and what it expects.
    """
    values: dict[str, object] = {}
    for field in fields(kind):  # type: ignore[arg-type]
        name = f"LESIONLENS_{field.name.upper()}"
        if text := environment.get(name, "").strip():
            values[field.name] = parsed(
                name, str(field.type), text, may_be_zero=field.name in may_be_zero
            )
    return kind(**values)


def parsed(name: str, kind: str, text: str, *, may_be_zero: bool = False) -> object:
    """Convert the text of a variable to its field's type.

    Args:
        name: of the variable.
        kind: the field's annotation, as text: ``str``, ``Path``, ``bool``, ``int``, ``float``,
            ``tuple[str, ...]`` or ``Literal[...]``.
        text: of the variable, not empty.
        may_be_zero: whether a number may be zero.

    Raises:
        ValueError: not such a value; names the variable and what it expects.
    """
    if kind == "str":
        return text
    if kind == "Path":
        return Path(text)
    if kind == "bool":
        if text not in ("true", "false"):
            raise ValueError(f"{name}={text!r} is neither true nor false")
        return text == "true"
    if kind.startswith("Literal"):
        choices = ast.literal_eval(kind.removeprefix("Literal"))
        if text not in choices:
            raise ValueError(f"{name}={text!r} is not one of: {', '.join(choices)}")
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

    Kubernetes gives every container such variables for every Service of its namespace: a Service
    ``lesionlens-page`` makes ``LESIONLENS_PAGE_PORT=tcp://10.96.138.45:80``, the name of a setting
    of ours, with a value that is never meant. Our manifests switch them off
    (``enableServiceLinks: false``); others may not.

    Args:
        environment: of a container.
    """
    return {
        name: text
        for name, text in environment.items()
        if not (name.endswith("_PORT") and is_service_link(text))
    }

"""Read and write the JSON documents of an archive as dataclasses; name what is missing or wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from typing_extensions import is_typeddict

Document = TypeVar("Document")

_KINDS: Final[Mapping[Any, tuple[Callable[[Any], bool], str]]] = {
    str: (lambda value: isinstance(value, str), "a text"),
    bool: (lambda value: isinstance(value, bool), "true or false"),
    int: (lambda value: type(value) is int, "a whole number"),
    float: (lambda value: type(value) in (int, float), "a number"),
    list: (lambda value: isinstance(value, list), "a list"),
    tuple: (lambda value: isinstance(value, list), "a list"),
    dict: (lambda value: isinstance(value, dict), "an object"),
}


class DocumentError(ValueError):
    """A document has not the form of its dataclass; the message names the entry."""


def read(path: Path, kind: type[Document]) -> Document:
    """Read a JSON file as a dataclass.

    Raises:
        DocumentError: an entry is missing, or of another type.
        OSError: the file cannot be read.
        ValueError: it is not JSON.
    """
    return parse(json.loads(path.read_text(encoding="utf-8")), kind, path.name)


def parse(document: Any, kind: type[Document], where: str) -> Document:
    """Make a dataclass of a JSON document; entries that it does not know are left out.

    Args:
        document: as ``json.loads`` returns it.
        kind: the dataclass.
        where: name of the document, for messages.

    Raises:
        DocumentError: an entry is missing, or of another type.
    """
    parsed: Document = _value(document, kind, where)
    return parsed


def to_json(value: Any) -> Any:
    """Return a dataclass as a JSON document; entries that are None or empty texts are left out."""
    if is_dataclass(value):
        found = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: to_json(one) for name, one in found.items() if one not in (None, "")}
    if isinstance(value, Mapping):
        return {name: to_json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(one) for one in value]
    return value


def _value(value: Any, kind: Any, where: str) -> Any:
    if get_origin(kind) is UnionType:  # X | None
        if value is None:
            return None
        kind = get_args(kind)[0]
    basic: Any = dict if is_dataclass(kind) or is_typeddict(kind) else get_origin(kind) or kind
    if basic is object:
        return value
    matches, name = _KINDS[basic]
    if not matches(value):
        raise DocumentError(f"{where} is not {name}")
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        for field in fields(kind):
            required = field.default is MISSING and field.default_factory is MISSING
            if required and field.name not in value:
                raise DocumentError(f"{where} has no {field.name!r}")
        entries = {
            name: _value(value[name], hint, f"{where}: {name}")
            for name, hint in hints.items()
            if name in value
        }
        return kind(**entries)  # type: ignore[operator]
    arguments = get_args(kind)
    if is_typeddict(kind):  # for readers and reports only
        return value
    if basic is dict:
        return {key: _value(one, arguments[1], f"{where}: {key}") for key, one in value.items()}
    if basic is list:
        return [_value(one, arguments[0], where) for one in value]
    if basic is tuple:
        kinds = arguments if arguments[-1] is not ... else (arguments[0],) * len(value)
        if len(kinds) != len(value):
            raise DocumentError(f"{where} has not {len(kinds)} entries")
        return tuple(_value(one, own, where) for one, own in zip(value, kinds, strict=True))
    return basic(value)

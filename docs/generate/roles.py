"""Sphinx' roles in the docstrings, as links of this site."""

from __future__ import annotations

import re
from typing import Any, Final

import griffe

ROLE: Final = re.compile(r":(?:mod|func|class|meth|attr|data):`~?([\w.]+)`")


class Roles(griffe.Extension):
    """Turns ``:func:`handlers.imaging.decode``` into a link to where that is described."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Change every docstring of a package that was read."""
        waiting: list[griffe.Object] = [pkg]
        while waiting:
            obj = waiting.pop()
            waiting += [one for one in obj.members.values() if isinstance(one, griffe.Object)]
            if obj.docstring is not None:
                obj.docstring.value = ROLE.sub(
                    lambda role, obj=obj: _linked(role[1], obj),  # type: ignore[misc]
                    obj.docstring.value,
                )


def _linked(name: str, obj: griffe.Object) -> str:
    """A link to what a name means in an object; what no page shows is only named."""
    scope: griffe.Object | None = obj
    while scope is not None:
        for path in (name, name.removeprefix(f"{scope.package.name}.")):
            found = _member(scope, path)
            if found is not None and found.docstring is not None and found.is_public:
                return f"[`{name}`][{found.path}]"
        scope = scope.parent
    return f"`{name}`"


def _member(scope: griffe.Object, path: str) -> griffe.Object | None:
    for part in path.split("."):
        found = scope.members.get(part)
        if not isinstance(found, griffe.Object):
            return None
        scope = found
    return scope

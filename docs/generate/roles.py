"""Sphinx roles in docstrings, as cross-references of this site."""

from __future__ import annotations

import re
from typing import Any, Final

import griffe

ROLE: Final = re.compile(r":(?:mod|func|class|meth|attr|data):`~?([\w.]+)`")


class Roles(griffe.Extension):
    """Turns ``:func:`handlers.imaging.decode``` into a cross-reference of mkdocs-autorefs."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of an object that was read."""
        if obj.docstring is not None:
            obj.docstring.value = ROLE.sub(r"[`\1`][\1]", obj.docstring.value)

"""Texts of the upload page by key, so that tests do not repeat its sentences."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any, Final

from web import texts

SNAPSHOTS: Final = Path(__file__).parent / "web" / "snapshots"
"""One file a language: the texts of the page as a visitor reads them."""
UPDATE: Final = "UPDATE_SNAPSHOTS"
"""Set to 1, the snapshot tests write the files instead of comparing with them."""


@cache
def _languages() -> dict[str, texts.Texts]:
    return texts.load()


def sentence(key: str, language: str = "en", **values: Any) -> str:
    """Look up a text of the page.

    Args:
        key: names of the tables and of the text, with full stops, such as ``failures.busy.text``.
        language: of the text.
        **values: for its placeholders; without any, the text up to the first placeholder.
    """
    found: Any = _languages()[language]
    for name in key.split("."):
        found = found[name]
    filled = str(found).format(**values) if values else str(found).partition("{")[0]
    assert filled, f"{key} begins with a placeholder: give its values"
    return filled


def compare(name: str, actual: str) -> None:
    """Compare a text with the snapshot of this name, or write the snapshot."""
    path = SNAPSHOTS / name
    if os.environ.get(UPDATE) == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(actual, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == actual, f"with {UPDATE}=1 this test writes {path}"

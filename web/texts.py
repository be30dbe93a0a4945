"""The words of the page in one language, from ``languages/``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parent / "languages"


def load(language: str = "en") -> dict[str, Any]:
    """All texts of a language, in the tables of its file."""
    return tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))

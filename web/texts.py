"""Texts of the page in each language, from ``languages/``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request

FOLDER: Final = Path(__file__).resolve().parent / "languages"
PARAMETER: Final = "lang"
"""Query parameter by which a visitor chooses another language than the browser's."""

Texts = dict[str, Any]


def load() -> dict[str, Texts]:
    """Load the texts of all languages, English first."""
    found = {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("*.toml"))
    }
    return {"en": found.pop("en"), **found}


def choose(request: Request, known: dict[str, Texts]) -> Texts:
    """Choose the language: of the address, else the browser's first known one, else English."""
    asked = [request.query_params.get(PARAMETER, "")]
    for range_ in request.headers.get("accept-language", "").split(","):
        tag, _, weight = range_.partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            asked.append(tag.strip().split("-")[0].lower())  # browsers send them by preference
    return next((known[name] for name in asked if name in known), known["en"])

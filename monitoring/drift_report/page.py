"""Write the report as one HTML page that needs no network, and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from monitoring.drift_report.report import Section

PAGE: Final = "drift.html"
NUMBERS: Final = "drift.json"


def write(folder: Path, reference: str, current: str, sections: Sequence[Section]) -> Path:
    """Write both files atomically; returns the page's path.

    Args:
        folder: made where it is missing.
        reference: what the reference is, in words.
        current: likewise.
        sections: at least one.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,  # file names may contain HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("page.html.j2").render(
        reference=reference, current=current, sections=sections
    )
    document = {
        "reference": reference,
        "current": current,
        "sections": [section.document() for section in sections],
    }
    folder.mkdir(parents=True, exist_ok=True)
    _whole(folder / NUMBERS, json.dumps(document, indent=1) + "\n")
    _whole(folder / PAGE, html)
    return folder / PAGE


def _whole(path: Path, text: str) -> None:
    new = path.with_suffix(path.suffix + ".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)

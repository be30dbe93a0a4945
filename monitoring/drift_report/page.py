"""Write the report as one HTML page that needs no network, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from monitoring.drift_report.report import Section
from training.evaluation.report.files import put, render

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
    names = {"reference": reference, "current": current}
    html = render(Path(__file__).with_name("page.html.j2"), names, sections=sections)
    document = {**names, "sections": [section.document() for section in sections]}
    put(folder, (NUMBERS, document), {}, {PAGE: html})
    return folder / PAGE

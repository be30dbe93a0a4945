"""Write the files of the report of explanations atomically."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from training.report.explanations import page
from training.report.explanations.plots import PLOTS
from training.report.files import put
from training.report.plots import draw

PAGE: Final = "explanations.html"
NUMBERS: Final = "explanations.json"


def write(document: Mapping[str, Any], examples: Sequence[Mapping[str, Any]], folder: Path) -> Path:
    """Write explanations.html, explanations.json and plots/explanations_*.png into a folder.

    Args:
        document: what was measured; explanations.json is the same.
        examples: photographs with the map of each method, PNG or JPEG files. Only the page shows
            them.
        folder: that of the model's report, whose files stay; made where it is missing.

    Returns:
        The page's path.

    Raises:
        ValueError: a number is not finite, or (ImageError) a picture cannot be read.
        jinja2.UndefinedError, KeyError: the document or an example lacks what every run has.
    """
    # Everything is made before the first file is written, so that an error leaves an old report
    # intact.
    drawn = draw(document, PLOTS)
    html = page.html(document, examples, drawn)
    put(folder, (NUMBERS, document), drawn, {PAGE: html})
    return folder / PAGE

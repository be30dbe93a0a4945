"""Write the report of the explanations: one HTML file that needs no network, plots and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from handlers import rendering
from training.evaluation.explanations.examples import Example, ExampleMap
from training.evaluation.report.explanations import tables, wording
from training.evaluation.report.explanations.methods import title
from training.evaluation.report.explanations.plots import PLOTS
from training.evaluation.report.files import put, render
from training.evaluation.report.pictures import data_uri, jpeg, png
from training.evaluation.report.style import draw
from training.evaluation.report.tables import significant

PAGE: Final = "explanations.html"
NUMBERS: Final = "explanations.json"

Document = Mapping[str, Any]


def write(document: Document, examples: Sequence[Example], folder: Path) -> Path:
    """Write explanations.html, explanations.json and plots/explanations_*.png into a folder.

    Args:
        document: what was measured; explanations.json is the same.
        examples: photographs with the map of each method. Only the page shows them.
        folder: that of the model's report, whose files stay; made where it is missing.

    Returns:
        The page's path.

    Raises:
        ValueError: a number is not finite.
        jinja2.UndefinedError, KeyError: the document lacks what every run has.
    """
    # Everything is made before the first file is written, so that an error leaves an old report
    # intact.
    drawn = draw(document, PLOTS)
    page = html(document, examples, drawn)
    put(folder, (NUMBERS, document), drawn, {PAGE: page})
    return folder / PAGE


def html(document: Document, examples: Sequence[Example], plots: Mapping[str, bytes]) -> str:
    """Render the page, plots being PNG files by name.

    Raises:
        jinja2.UndefinedError, KeyError: the document lacks what every run has.
    """
    return render(
        Path(__file__).with_name("page.html.j2"),
        document,
        side_by_side=tables.side_by_side(document),
        differences=tables.differences(document),
        candidate_differences=tables.candidates(document),
        tables=tables.of(document),
        plots={name: data_uri(data) for name, data in plots.items()},
        bars={signed: data_uri(_bar(signed)) for signed in (True, False)},
        examples={
            kind: [_example(one) for one in examples if one.kind == kind] for kind in wording.KINDS
        },
        say=wording,
    )


def _example(one: Example) -> dict[str, Any]:
    return {
        "said": wording.example(one),
        "original": data_uri(jpeg(one.original)),
        "target": one.target,
        "maps": [
            {
                "title": title(method),
                "uri": data_uri(jpeg(found.overlay)),
                "ends": ends(found),
                "signed": found.signed,
                "resolution": wording.resolution(found.shape),
            }
            for method, found in one.maps.items()
        ],
    }


def _bar(signed: bool) -> bytes:
    """Draw a strip of the colours as a PNG file: negative to positive, or zero to large."""
    values = np.linspace(-1.0 if signed else 0.0, 1.0, 255, dtype=np.float32)
    strip = np.repeat(values[None], 12, axis=0)
    return png(rendering.heatmap(strip, 1.0, signed=signed))


def ends(found: ExampleMap) -> tuple[str, ...]:
    """Return the labels below the strip of a map, from left to right."""
    scale = significant(found.scale)
    return (f"\N{MINUS SIGN}{scale}", "0", f"+{scale}") if found.signed else ("0", scale)

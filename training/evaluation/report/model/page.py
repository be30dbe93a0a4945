"""Write the report of a model: a page that needs no network, plots, numbers and model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from training.evaluation.report.files import put, render
from training.evaluation.report.model import bill, considerations, tables, wording
from training.evaluation.report.model.plots import PLOTS
from training.evaluation.report.pictures import data_uri
from training.evaluation.report.style import Plots, draw

PAGE: Final = "report.html"
NUMBERS: Final = "metrics.json"
CARD: Final = "MODEL_CARD.md"
BILL: Final = "model_card.cdx.json"
"""The model card for programs."""
HERE: Final = Path(__file__).parent
SHOWN: Final = 100
"""Number of pairs on the page; all are in metrics.json."""

Evidence = Mapping[str, Any]


def write(evidence: Evidence, thumbnails: Mapping[str, bytes], folder: Path) -> Path:
    """Write report.html, metrics.json, both model cards and plots/*.png into a folder.

    Args:
        evidence: the document of ``training.evaluation``; metrics.json is the same.
        thumbnails: small JPEG or PNG files by the names in ``leaks.listed``, from
            :func:`training.evaluation.report.pictures.thumbnail`. Only the page shows them; one
            that is missing is said to be.
        folder: made where it is missing.

    Returns:
        The page's path.

    Raises:
        ValueError: a number is not finite, or a thumbnail is neither JPEG nor PNG.
        jinja2.UndefinedError, KeyError: the document lacks what every run has.
    """
    # Everything is made before the first file is written, so that an error leaves an old report
    # intact.
    drawn = draw(evidence, plots(evidence))
    page = html(evidence, thumbnails, drawn)
    cards = {CARD: card(evidence), BILL: bill.card(evidence)}
    put(folder, (NUMBERS, evidence), drawn, {**cards, PAGE: page})
    return folder / PAGE


def plots(evidence: Evidence) -> Plots:
    """Return the plots that the document has numbers for."""
    lacking = set() if "points" in evidence["learning"] else {"learning"}
    return {name: plot for name, plot in PLOTS.items() if name not in lacking}


def html(evidence: Evidence, thumbnails: Mapping[str, bytes], plots: Mapping[str, bytes]) -> str:
    """Render the page: thumbnails by the names in ``leaks.listed``, plots by their own.

    Raises:
        ValueError: a picture is neither JPEG nor PNG.
        jinja2.UndefinedError, KeyError: the document lacks what every run has.
    """
    # File names may contain HTML: everything is escaped.
    return render(
        HERE / "page.html.j2",
        evidence,
        tables=tables.of(evidence),
        plots={name: data_uri(data) for name, data in plots.items()},
        pairs=[_pair(pair, thumbnails) for pair in ordered(evidence["leaks"]["listed"])[:SHOWN]],
        say=wording,
        considered=considerations,
    )


def card(evidence: Evidence) -> str:
    """Render MODEL_CARD.md (Mitchell et al. 2019): no picture, no file name."""
    template = HERE / "model_card.md.j2"
    return render(
        template,
        evidence,
        autoescape=False,
        tables=tables.of(evidence),
        say=wording,
        considered=considerations,
    )


def ordered(pairs: Sequence[Evidence]) -> list[Evidence]:
    """Sort pairs by importance: between splits, contradicting labels, then by similarity."""
    return sorted(
        pairs,
        key=lambda pair: (
            not _across(pair["files"]),
            not pair["labels_contradict"],
            -(pair["correlation"] or 0),
        ),
    )


def _pair(pair: Evidence, thumbnails: Mapping[str, bytes]) -> dict[str, Any]:
    files = [
        {
            "name": name,
            "label": name.split("/")[1] if name.count("/") > 1 else "",
            "uri": data_uri(thumbnails[name]) if name in thumbnails else None,
        }
        for name in pair["files"]
    ]
    return {**pair, "files": files, "across": _across(pair["files"])}


def _across(files: Sequence[str]) -> bool:
    return len({name.startswith("test/") for name in files}) == 2

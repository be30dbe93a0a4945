"""Render the report as one HTML page that needs no network, and the model card as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from training.report import tables, wording
from training.report.pictures import data_uri
from training.report.templates import environment

SHOWN: Final = 100
"""Number of pairs on the page; all are in metrics.json."""

Evidence = Mapping[str, Any]


def html(evidence: Evidence, thumbnails: Mapping[str, bytes], plots: Mapping[str, bytes]) -> str:
    """Render the page.

    Args:
        evidence: the document.
        thumbnails: JPEG or PNG files by the names of ``leaks.listed``.
        plots: PNG files by name, from :func:`training.report.plots.draw`.

    Raises:
        ValueError: a picture is neither JPEG nor PNG.
        jinja2.UndefinedError, KeyError: the document lacks what every run has.
    """
    # File names may contain HTML: everything is escaped.
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            evidence,
            tables=tables.of(evidence),
            plots={name: data_uri(data) for name, data in plots.items()},
            pairs=[
                _pair(pair, thumbnails) for pair in ordered(evidence["leaks"]["listed"])[:SHOWN]
            ],
            say=wording,
            evidence=evidence,
        )
    )


def card(evidence: Evidence) -> str:
    """Render MODEL_CARD.md (Mitchell et al. 2019): no picture, no file name."""
    return (
        environment(autoescape=False)
        .get_template("model_card.md.j2")
        .render(evidence, tables=tables.of(evidence), say=wording, evidence=evidence)
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

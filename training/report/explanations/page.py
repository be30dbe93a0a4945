"""Render the page of the explanations: one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.report.explanations import scales, side_by_side, tables, wording
from training.report.pictures import compact, data_uri
from training.report.templates import environment

Document = Mapping[str, Any]


def html(document: Document, examples: Sequence[Document], plots: Mapping[str, bytes]) -> str:
    """Render the page.

    Args:
        document: what was measured.
        examples: explained photographs; PNG or JPEG files in ``original`` and in each
            map's ``overlay``.
        plots: PNG files by name, of ``plots.PLOTS``.

    Raises:
        ImageError: a picture cannot be read.
        jinja2.UndefinedError, KeyError: the document or an example lacks what every run has.
    """
    return (
        environment()
        .get_template("explanations/page.html.j2")
        .render(
            document,
            evidence=document,
            side_by_side=side_by_side.of(document),
            differences=tables.differences(document),
            tables=tables.of(document),
            plots={name: data_uri(data) for name, data in plots.items()},
            bars={signed: data_uri(scales.bar(signed)) for signed in (True, False)},
            examples={
                kind: [_example(one) for one in examples if one["kind"] == kind]
                for kind in wording.KINDS
            },
            say=wording,
        )
    )


def _example(one: Document) -> dict[str, Any]:
    return {
        "said": wording.example(one),
        "original": data_uri(compact(one["original"])),
        "target": one["target"],
        "maps": [scales.shown(found, method) for method, found in one["maps"].items()],
    }

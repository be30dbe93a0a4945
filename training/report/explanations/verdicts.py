"""Verdicts from the numbers, shared by the texts, tables and plots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from training.report.formats import Interval

MEASURES: Final = {"deletion": -1, "insertion": 1}
"""Whether more is better (1) or less (-1), by measure."""
MOSTLY: Final = 0.5
"""Share of photographs with the maximum on the artefact, above which a map shows it."""

Document = Mapping[str, Any]


def beats(document: Document, method: str, control: str, measure: str) -> bool:
    """Whether a method is better than a control, with separate intervals.

    Separate intervals alone do not mean better: a method can be significantly worse.
    """
    ours = document["methods"][method][measure]["value"]
    theirs = document["controls"][control][measure]["value"]
    if ours is None or theirs is None:
        return False
    apart = document["beats"][method][control][measure]["apart"]
    return bool(apart) and (ours - theirs) * MEASURES[measure] > 0


def beaten(document: Document, method: str, measure: str) -> list[str]:
    """Return the controls that a method beats."""
    return [one for one in document["controls"] if beats(document, method, one, measure)]


def unmoved(document: Document) -> list[str]:
    """Return methods whose map stays the same when the model's weights are randomised."""
    return [
        name for name, found in document["methods"].items() if not found["randomisation"]["reacts"]
    ]


def above(measured: Interval | None, area: float | None) -> bool:
    """Whether the whole interval lies above the area's share of the picture."""
    low = None if measured is None else measured["low"]
    return low is not None and area is not None and low > area


def artefact_shown(document: Document, method: str) -> str:
    """Return ``shown``, ``in part`` or ``not shown``; ``unknown`` if it was not measured."""
    mass = located(document, method, "artefact", "mass")
    pointing = located(document, method, "artefact", "pointing")
    if mass is None or mass["value"] is None or pointing is None:
        return "unknown"
    if not above(mass, document["area"]["artefact"]):
        return "not shown"
    return "shown" if (pointing["value"] or 0) > MOSTLY else "in part"


def by_artefact(document: Document, verdict: str) -> list[str]:
    """Return the methods that have a verdict of :func:`artefact_shown`."""
    return [name for name in document["methods"] if artefact_shown(document, name) == verdict]


def located(document: Document, name: str, place: str, measure: str) -> Interval | None:
    """Return how much of a map lies where it should; None if it was not measured.

    Args:
        document: what was measured.
        name: of a method or a control.
        place: ``real`` or ``synthetic`` for the lesion in photographs or drawings, ``artefact``
            for the planted artefact.
        measure: ``mass`` or ``pointing``.
    """
    one = {**document["methods"], **document["controls"]}[name]
    found = one["artefact"] if place == "artefact" else one["lesion"][place]
    return None if found is None else found[measure]

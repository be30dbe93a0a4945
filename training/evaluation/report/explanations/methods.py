"""Names of methods and controls, and the verdicts on them, for texts, tables and plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from handlers.card import Interval
from training.evaluation.explanations.verdict import BETTER
from training.evaluation.report.formats import words

MOSTLY: Final = 0.5
"""Share of photographs with the maximum on the artefact, above which a map shows it."""

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Named:
    """Title and description of a method or a control."""

    title: str
    does: str
    """How the map is computed."""
    source: str


METHODS: Final = {
    "grad_cam": Named(
        "Grad-CAM",
        "how much each place of the last activations adds to the answer",
        "Selvaraju et al. 2017",
    ),
    "integrated_gradients": Named(
        "Integrated Gradients",
        "what the details of each place add, summed on the way from a blurred copy",
        "Sundararajan et al. 2017",
    ),
    "saliency": Named(
        "Saliency",
        "how fast the answer changes with each place, up or down",
        "Simonyan et al. 2013",
    ),
    "smooth_grad": Named(
        "SmoothGrad",
        "the same, for the mean over noisy copies of the photograph",
        "Smilkov et al. 2017",
    ),
    "gradient_shap": Named(
        "Gradient SHAP",
        "what the details of each place add, at random points on the way from blurred copies",
        "Lundberg and Lee 2017; Erion et al. 2021",
    ),
    "occlusion": Named(
        "Occlusion",
        "how far the answer falls when a window is blurred",
        "Zeiler and Fergus 2014",
    ),
    "lime": Named(
        "LIME",
        "a linear model of the answers when random pieces are blurred",
        "Ribeiro et al. 2016",
    ),
}
CONTROLS: Final = {
    "random": "random map",
    "edges": "edge detector",
    "centre": "centred Gaussian",
}
"""Controls: maps that do not depend on the model; an explanation must do better."""


def title(name: str) -> str:
    """Return the title of a method or control; unknown ones keep their name."""
    if name in METHODS:
        return METHODS[name].title
    return CONTROLS.get(name, words(name))


def listed(names: Sequence[str], last: str = "and") -> str:
    """List titles in a sentence: ``A``, ``A and B``, ``A, B and C``."""
    return _joined([title(name) for name in names], last)


def with_article(names: Sequence[str], last: str = "and") -> str:
    """List controls in a sentence: ``a random map and an edge detector``."""
    titles = [title(name) for name in names]
    return _joined([f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in titles], last)


def _joined(titles: list[str], last: str) -> str:
    *first, end = titles or [""]
    return f"{', '.join(first)} {last} {end}" if first else end


def beats(document: Document, method: str, control: str, measure: str) -> bool:
    """Whether a method is better than a control, with separate intervals.

    Separate intervals alone do not mean better: a method can be significantly worse.
    """
    ours = document["methods"][method][measure]["value"]
    theirs = document["controls"][control][measure]["value"]
    if ours is None or theirs is None:
        return False
    apart = document["beats"][method][control][measure]["apart"]
    return bool(apart) and (ours - theirs) * BETTER[measure] > 0


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

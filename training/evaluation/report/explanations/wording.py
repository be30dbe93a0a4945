"""Sentences that depend on the numbers: what the methods show and what they do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from handlers.card import Interval
from handlers.imaging import SIDE
from training.evaluation.explanations.examples import Example
from training.evaluation.report.explanations import methods
from training.evaluation.report.explanations.methods import listed, title, with_article
from training.evaluation.report.formats import count, number, percent, percent_interval
from training.evaluation.report.model import wording
from training.evaluation.report.model.tables import REASONS
from training.evaluation.report.model.wording import NOT_A_DEVICE, licence

__all__ = ["NOT_A_DEVICE", "licence"]  # the page contains these as well

TESTS: Final = {
    "deletion": "deletion (what it marks is taken away first)",
    "insertion": "insertion (what it marks is shown first)",
}
APART: Final = "with intervals that do not overlap"
PICTURES: Final = {"real": "photographs with masks", "synthetic": "synthetic lesions"}
ASKED: Final = {"real": "masked", "synthetic": "synthetic"}
KINDS: Final = {
    "correct": "Answered rightly",
    "wrong": "Answered wrongly",
    "flagged": "Flagged for a person",
}

Document = Mapping[str, Any]


def first_paragraph(document: Document) -> str:
    """State the default method, what it beats and what not, and what the maps show."""
    method = document["default"]["method"]
    sentences = [
        wording.warning({"backbone": {"source": None}, **document}),
        f"Of {count(len(document['methods']))} methods the evidence picks {title(method)} to "
        "explain an answer where no other is asked for.",
        against_controls(document, method),
        randomised(document),
        in_the_lesion(document, method, "real"),
        planted(document, method),
        NOT_A_DEVICE,
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def rule(document: Document) -> str:
    """State how the default is chosen."""
    found = document["default"]
    return f"The rule that picks {title(found['method'])}: {found['rule'].rstrip('.')}."


def against_controls(document: Document, method: str) -> str:
    """State which controls a method beats on deletion and on insertion, and which not."""
    tests: dict[tuple[str, ...], list[str]] = {}
    for measure, test in TESTS.items():
        better = tuple(methods.beaten(document, method, measure))
        tests.setdefault(better, []).append(test)
    sentences = []
    for better, names in tests.items():
        others = [one for one in document["controls"] if one not in better]
        on = f"On {' and on '.join(names)} it beats"
        if better:
            unbeaten = f", but not {with_article(others, 'or')}" if others else ""
            sentences.append(f"{on} {with_article(better)}, {APART}{unbeaten}.")
        else:
            sentences.append(f"{on} no control: not {with_article(others, 'or')}.")
    return " ".join(sentences)


def all_controls(document: Document, measure: str) -> str:
    """State which methods beat every control on deletion or on insertion."""
    every, none = [], []
    for method in document["methods"]:
        beaten = methods.beaten(document, method, measure)
        if len(beaten) == len(document["controls"]):
            every.append(method)
        elif not beaten:
            none.append(method)
    first = f"{listed(every)} {_beat(every)}" if every else "no method beats"
    last = f"; {listed(none)} {_beat(none)} none" if none else ""
    return f"On {measure} {first} every control{last}."


def randomised(document: Document) -> str:
    """State which methods fail the randomisation test."""
    unmoved = methods.unmoved(document)
    if not unmoved:
        return "Every map changes when the model is made random, as it should."
    maps, verb = ("their maps stay", "fail") if len(unmoved) > 1 else ("its map stays", "fails")
    return (
        f"{listed(unmoved)} {verb} the randomisation check: {maps} much the same when the model "
        "is made random."
    )


def in_the_lesion(document: Document, method: str, kind: str) -> str:
    """State how much of a map lies in the lesion, compared with the lesion's area.

    Args:
        document: what was measured.
        method: its name.
        kind: ``real`` or ``synthetic``.
    """
    mass, area = methods.located(document, method, kind, "mass"), document["area"][kind]
    if mass is None or mass["value"] is None or area is None:
        return f"There are no {PICTURES[kind]}: how much lies in the lesion there is not known."
    return (
        f"In {count(document['asked'][ASKED[kind]])} {PICTURES[kind]}, {percent_interval(mass)} of "
        f"what {title(method)} marks lies in the lesion, which covers {percent(area, 1)} of the "
        f"picture{_doubt(mass, area)}{_ahead(document, mass['value'], kind)}."
    )


def planted(document: Document, method: str) -> str:
    """State whether the map of a model with a planted artefact shows the artefact."""
    verdict = methods.artefact_shown(document, method)
    if document["planted"] is None or verdict == "unknown":
        return "Whether a planted artefact is shown was not measured."
    verb = {"shown": "shows it", "in part": "shows it in part", "not shown": "does not show it"}
    mass = methods.located(document, method, "artefact", "mass")
    pointing = methods.located(document, method, "artefact", "pointing")
    return (
        "A model was trained to answer by a planted artefact "
        f"({percent(document['planted']['accuracy'], 1)} right): {title(method)} {verb[verdict]}, "
        f"with {percent_interval(mass)} of what it marks on the artefact, which covers "
        f"{percent(document['area']['artefact'], 1)} of the picture, and the strongest place on it "
        f"in {percent_interval(pointing)} of {count(document['planted']['photographs'])} pictures."
    )


def artefact_by_method(document: Document) -> str:
    """State which methods show the planted artefact, which in part, and which not."""
    said = {"shown": "Shown by", "in part": "Shown in part by", "not shown": "Not shown by"}
    found = {verdict: methods.by_artefact(document, verdict) for verdict in said}
    return " ".join(f"{said[one]} {listed(names)}." for one, names in found.items() if names)


def example(one: Example) -> str:
    """Describe the answer for a photograph, and its true label."""
    sentences = [
        f"Filed as {one.label}. Answered “{one.answer}”: P(cancer) = "
        f"{number(one.probability, 2)}, threshold {number(one.threshold, 2)}."
    ]
    if one.reasons:
        reasons = ", ".join(REASONS.get(reason, reason) for reason in one.reasons)
        sentences.append(f"Flagged: {reasons}.")
    sentences.append(f"Explained: “{one.target}”.")
    return " ".join(sentences)


def resolution(shape: tuple[int, int]) -> str:
    """State the resolution of a map, however smoothly it is drawn."""
    height, width = shape
    how = "one per pixel" if min(height, width) >= SIDE else "interpolated smoothly"
    return f"{height} x {width} cells, {how}"


def _doubt(mass: Interval, area: float) -> str:
    return "" if methods.above(mass, area) else ", which chance may explain"


def _ahead(document: Document, ours: float, kind: str) -> str:
    """Return controls with at least as much in the lesion, which the map does not beat."""
    found = {name: methods.located(document, name, kind, "mass") for name in document["controls"]}
    ahead = {
        name: mass
        for name, mass in found.items()
        if mass is not None and mass["value"] is not None and mass["value"] >= ours
    }
    if not ahead:
        return ""
    shares = " and ".join(percent(mass["value"], 1) for mass in ahead.values())
    has = "has" if len(ahead) == 1 else "have"
    return f"; {with_article(list(ahead))} {has} no less there ({shares})"


def _beat(names: list[str]) -> str:
    return "beats" if len(names) == 1 else "beat"

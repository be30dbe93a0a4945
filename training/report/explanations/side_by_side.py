"""The main table: one row per measure, one column per method or control."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from training.report.explanations import cells, verdicts
from training.report.explanations.cells import BLANK
from training.report.explanations.grid import Cell, Grid, Row
from training.report.explanations.names import title
from training.report.formats import count, number, percent

Document = Mapping[str, Any]


def of(document: Document) -> Grid:
    """Build the table of all measurements of each method and control."""
    return Grid(
        "Methods and controls side by side",
        (
            ("methods", tuple(_headed(document, name) for name in document["methods"])),
            ("controls", tuple(title(name) for name in document["controls"])),
        ),
        (
            ("Does it mark what the answer depends on?", _faithful(document)),
            ("Is it about this model, and steady?", _sound(document)),
            ("How much of it lies in the lesion?", _in_the_lesion(document)),
            (
                "Does it show an artefact that the model answers by?",
                _located(document, "artefact", "", "the artefact"),
            ),
            ("What does it cost?", _cost(document)),
        ),
    )


def _faithful(document: Document) -> tuple[Row, ...]:
    return (
        *_against_controls(document, "deletion", "AUC, lower is better"),
        *_against_controls(document, "insertion", "AUC, higher is better"),
        _methods(
            document,
            "Infidelity",
            "0 perfect, 1 says nothing",
            lambda one: cells.any_size(one["infidelity"]),
        ),
        _methods(document, "Completeness error", "median, 95th percentile", _missed),
    )


def _sound(document: Document) -> tuple[Row, ...]:
    return (
        _methods(document, "Randomisation", "rank correlation, all random", _reacts),
        _methods(
            document,
            "Max-sensitivity",
            "lower is better",
            lambda one: cells.any_size(one["max_sensitivity"]),
        ),
    )


def _in_the_lesion(document: Document) -> tuple[Row, ...]:
    return (
        *_located(document, "real", ", photographs", "the lesion"),
        *_located(document, "synthetic", ", synthetic lesions", "the lesion"),
    )


def _cost(document: Document) -> tuple[Row, ...]:
    forward = number(document["forward_milliseconds"], 1)
    return (
        _methods(
            document,
            "Milliseconds",
            "median",
            lambda one: Cell(cells.significant(one["cost"]["milliseconds"])),
        ),
        _methods(
            document,
            "Steps",
            "runs of the model, median",
            lambda one: Cell(number(one["cost"]["steps"], 0)),
        ),
        _methods(
            document,
            "Forward passes",
            f"that it is worth, of {forward} ms",
            lambda one: Cell(cells.significant(one["cost"]["passes_worth"])),
        ),
    )


def _against_controls(document: Document, measure: str, aside: str) -> tuple[Row, Row]:
    values = tuple(
        cells.value(one[measure])
        for kind in ("methods", "controls")
        for one in document[kind].values()
    )
    many = count(len(document["controls"]))
    beaten = tuple(
        Cell(f"{count(len(verdicts.beaten(document, name, measure)))} of {many}")
        for name in document["methods"]
    )
    return (
        Row(measure.capitalize(), values, aside),
        Row("controls it beats", beaten + _no_controls(document), "intervals apart"),
    )


def _located(document: Document, place: str, pictures: str, what: str) -> tuple[Row, ...]:
    covers = f"{what} covers {percent(document['area'][place], 1)}"
    asides = {"mass": covers, "pointing": f"strongest place on {what}"}
    names = (*document["methods"], *document["controls"])
    return tuple(
        Row(
            f"{measure.capitalize()}{pictures}",
            tuple(cells.share(verdicts.located(document, name, place, measure)) for name in names),
            aside,
        )
        for measure, aside in asides.items()
    )


def _methods(document: Document, head: str, aside: str, cell: Callable[[Document], Cell]) -> Row:
    found = tuple(cell(one) for one in document["methods"].values())
    return Row(head, found + _no_controls(document), aside)


def _no_controls(document: Document) -> tuple[Cell, ...]:
    return (BLANK,) * len(document["controls"])


def _headed(document: Document, method: str) -> str:
    return title(method) + (" (default)" if method == document["default"]["method"] else "")


def _missed(method: Document) -> Cell:
    found = method["completeness"]
    return BLANK if found is None else Cell(percent(found["median"], 1), percent(found["p95"], 1))


def _reacts(method: Document) -> Cell:
    found = method["randomisation"]
    last = cells.value(found["correlation"][-1] if found["correlation"] else None).value
    return Cell("reacts", last) if found["reacts"] else Cell("fails", last, alarm=True)

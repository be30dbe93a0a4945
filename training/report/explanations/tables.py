"""The smaller tables of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from training.report.explanations import cells, verdicts
from training.report.explanations.grid import Grid, Row
from training.report.explanations.names import METHODS, title
from training.report.formats import count, interval, percent, plain, words
from training.report.tables import Table

ASKED: Final = {
    "curves": "photographs with deletion and insertion curves",
    "masked": "photographs with masks",
    "synthetic": "synthetic lesions",
    "randomised": "photographs explained by randomised models",
    "perturbed": "photographs with infidelity and max-sensitivity",
    "baselines": "photographs with other baselines",
    "planted": "photographs with a planted artefact",
}
BEATS: Final = "\N{NO-BREAK SPACE}\N{CHECK MARK}"
"""Mark behind a difference: the method beats the control with separate intervals."""

Document = Mapping[str, Any]


def of(document: Document) -> dict[str, Table]:
    """Build every table by its name."""
    return {
        "baselines": _baselines(document["baselines"]),
        "methods": _methods(document),
        "asked": _asked(document["asked"]),
        "machine": _described("Machine", document["machine"]),
        "data": _described("Data", document["data"]),
    }


def differences(document: Document) -> Grid:
    """Compare each method's AUC with each control's."""
    controls = tuple(document["controls"])
    rows = tuple(
        Row(
            title(method),
            tuple(
                cells.difference(
                    document["beats"][method][control][measure]["difference"],
                    BEATS if verdicts.beats(document, method, control, measure) else "",
                )
                for measure in verdicts.MEASURES
                for control in controls
            ),
        )
        for method in document["methods"]
    )
    columns = tuple(
        (f"{measure}, against", tuple(title(name) for name in controls))
        for measure in verdicts.MEASURES
    )
    return Grid("AUC of the method minus that of the control", columns, (("", rows),))


def _baselines(baselines: Document) -> Table:
    rows = []
    for method, found in baselines.items():
        for baseline, one in found.items():
            missed = one["completeness"] or {"median": None, "p95": None}
            name = words(baseline) if len(baselines) == 1 else f"{title(method)}, {words(baseline)}"
            rows.append(
                (
                    name,
                    interval(one["deletion"]),
                    interval(one["insertion"]),
                    percent(missed["median"], 1),
                    percent(missed["p95"], 1),
                )
            )
    head = (
        "baseline",
        "deletion AUC",
        "insertion AUC",
        "completeness error, median",
        "95th percentile",
    )
    return Table(f"Baselines of {title(next(iter(baselines), ''))}", head, tuple(rows))


def _methods(document: Document) -> Table:
    rows = tuple(
        (
            title(name),
            METHODS[name].does if name in METHODS else "",
            "for and against" if found["signed"] else "either way",
            METHODS[name].source if name in METHODS else "",
        )
        for name, found in document["methods"].items()
    )
    return Table("The methods", ("method", "its map", "tells", "source"), rows, prose=True)


def _asked(asked: Document) -> Table:
    rows = tuple((ASKED.get(name, words(name)), count(many)) for name, many in asked.items())
    return Table("How many were asked about", ("what", "pictures"), rows)


def _described(caption: str, found: Document) -> Table:
    rows = tuple((words(str(name)), plain(value)) for name, value in found.items())
    return Table(caption, ("part", "value"), rows, prose=True)

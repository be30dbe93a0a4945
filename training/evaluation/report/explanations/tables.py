"""Tables of the page: all methods side by side, differences to the controls, and smaller ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from training.evaluation.explanations.verdict import BETTER
from training.evaluation.report.explanations import methods
from training.evaluation.report.explanations.methods import title
from training.evaluation.report.formats import count, interval, number, percent, words
from training.evaluation.report.tables import Cell, Grid, Row, Table, described, significant

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


def side_by_side(document: Document) -> Grid:
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
        _methods(document, "Infidelity", "0 perfect, 1 says nothing", _any_size("infidelity")),
        _methods(document, "Completeness error", "median, 95th percentile", _missed),
    )


def _sound(document: Document) -> tuple[Row, ...]:
    return (
        _methods(document, "Randomisation", "rank correlation, all random", _reacts),
        _methods(document, "Max-sensitivity", "lower is better", _any_size("max_sensitivity")),
    )


def _in_the_lesion(document: Document) -> tuple[Row, ...]:
    return (
        *_located(document, "real", ", photographs", "the lesion"),
        *_located(document, "synthetic", ", synthetic lesions", "the lesion"),
    )


def _cost(document: Document) -> tuple[Row, ...]:
    worth = f"that it is worth, of {number(document['forward_milliseconds'], 1)} ms"
    return (
        _methods(document, "Milliseconds", "median", _cost_of("milliseconds", significant)),
        _methods(document, "Steps", "runs of the model, median", _cost_of("steps", _whole)),
        _methods(document, "Forward passes", worth, _cost_of("passes_worth", significant)),
    )


def _against_controls(document: Document, measure: str, aside: str) -> tuple[Row, Row]:
    values = tuple(
        Cell.of(one[measure]) for kind in ("methods", "controls") for one in document[kind].values()
    )
    many = count(len(document["controls"]))
    beaten = tuple(
        Cell(f"{count(len(methods.beaten(document, name, measure)))} of {many}")
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
            tuple(Cell.of_share(methods.located(document, name, place, measure)) for name in names),
            aside,
        )
        for measure, aside in asides.items()
    )


def _methods(document: Document, head: str, aside: str, cell: Callable[[Document], Cell]) -> Row:
    found = tuple(cell(one) for one in document["methods"].values())
    return Row(head, found + _no_controls(document), aside)


def _any_size(measure: str) -> Callable[[Document], Cell]:
    return lambda method: Cell.of_any_size(method[measure])


def _cost_of(what: str, written: Callable[[float], str]) -> Callable[[Document], Cell]:
    return lambda method: Cell(written(method["cost"][what]))


def _whole(value: float) -> str:
    return number(value, 0)


def _no_controls(document: Document) -> tuple[Cell, ...]:
    return (Cell(),) * len(document["controls"])


def _headed(document: Document, method: str) -> str:
    return title(method) + (" (default)" if method == document["default"]["method"] else "")


def _missed(method: Document) -> Cell:
    found = method["completeness"]
    return Cell() if found is None else Cell(percent(found["median"], 1), percent(found["p95"], 1))


def _reacts(method: Document) -> Cell:
    found = method["randomisation"]
    last = Cell.of(found["correlation"][-1] if found["correlation"] else None).value
    return Cell("reacts", last) if found["reacts"] else Cell("fails", last, alarm=True)


def of(document: Document) -> dict[str, Table]:
    """Build every table by its name."""
    return {
        "baselines": _baselines(document["baselines"]),
        "methods": _explained(document),
        "asked": _asked(document["asked"]),
        "machine": described("Machine", "part", document["machine"]),
        "data": described("Data", "part", document["data"]),
    }


def differences(document: Document) -> Grid:
    """Compare each method's AUC with each control's."""
    return _differences(
        "AUC of the method minus that of the control",
        document["beats"],
        tuple(document["controls"]),
        partial(methods.beats, document),
    )


def candidates(document: Document) -> Grid:
    """Compare each candidate's AUC with each control's and with methods of the service."""
    against = {name: found["against"] for name, found in document["candidates"].items()}
    others = next((tuple(found) for found in against.values()), ())
    return _differences(
        "AUC of the candidate minus that of the other",
        against,
        others,
        lambda name, other, measure: bool(against[name][other][measure]["apart"]),
    )


def _differences(
    caption: str,
    against: Document,
    others: Sequence[str],
    beats: Callable[[str, str, str], bool],
) -> Grid:
    rows = tuple(
        Row(
            title(name),
            tuple(
                Cell.of_difference(
                    found[other][measure]["difference"],
                    BEATS if beats(name, other, measure) else "",
                )
                for measure in BETTER
                for other in others
            ),
        )
        for name, found in against.items()
    )
    columns = tuple((f"{measure}, against", tuple(map(title, others))) for measure in BETTER)
    return Grid(caption, columns, (("", rows),))


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


def _explained(document: Document) -> Table:
    rows = tuple(
        (
            title(name),
            methods.METHODS[name].does if name in methods.METHODS else "",
            "for and against" if found["signed"] else "either way",
            methods.METHODS[name].source if name in methods.METHODS else "",
        )
        for name, found in document["methods"].items()
    )
    return Table("The methods", ("method", "its map", "tells", "source"), rows, prose=True)


def _asked(asked: Document) -> Table:
    rows = tuple((ASKED.get(name, words(name)), count(many)) for name, many in asked.items())
    return Table("How many were asked about", ("what", "pictures"), rows)

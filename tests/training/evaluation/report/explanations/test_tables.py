"""Content of the table cells."""

from __future__ import annotations

from typing import Any

import pytest

from tests.training.evaluation.report.made_up import interval
from training.evaluation.report.explanations import tables
from training.evaluation.report.formats import PERCENT
from training.evaluation.report.tables import Cell, Row, significant

MINUS = "\N{MINUS SIGN}"


def rows(document: dict[str, Any]) -> dict[tuple[str, str], Row]:
    """Every row of the large table by its group and its head; the first of two."""
    found: dict[tuple[str, str], Row] = {}
    for group, lines in tables.side_by_side(document).rows:
        for row in lines:
            found.setdefault((group.split()[-1], row.head), row)
    return found


def test_every_row_has_a_cell_of_every_method_and_control(document: dict[str, Any]) -> None:
    grid = tables.side_by_side(document)

    assert grid.columns[0][1][:2] == ("Grad-CAM (default)", "Integrated Gradients")
    assert grid.columns[1][1] == ("random map", "edge detector", "centred Gaussian")
    assert {len(row.cells) for _, lines in grid.rows for row in lines} == {grid.width - 1}


def test_the_cells_of_a_method_and_a_control(document: dict[str, Any]) -> None:
    found = rows(document)

    assert found["on?", "Deletion"].cells[0] == Cell("0.412", "0.392 to 0.428")
    assert found["on?", "Deletion"].cells[7] == Cell("0.562", "0.542 to 0.578")
    assert found["on?", "controls it beats"].cells[:2] == (Cell("2 of 3"), Cell("3 of 3"))
    assert found["on?", "controls it beats"].cells[7] == Cell()
    assert found["on?", "Completeness error"].cells[:2] == (
        Cell(),
        Cell(f"0.4{PERCENT}", f"6.2{PERCENT}"),
    )
    assert found["cost?", "Milliseconds"].cells[:2] == (Cell("1.9"), Cell("1,010"))
    assert found["cost?", "Forward passes"].aside == "that it is worth, of 26.4 ms"


def test_a_method_that_does_not_react_is_marked_as_failing(document: dict[str, Any]) -> None:
    row = rows(document)["steady?", "Randomisation"]

    assert row.cells[0] == Cell("reacts", "0.044")
    assert row.cells[2] == Cell("fails", "0.681", alarm=True)
    assert row.cells[5] == Cell("reacts", f"{MINUS}0.046")


def test_shares_stand_beside_what_is_covered(document: dict[str, Any]) -> None:
    found = rows(document)

    mass = found["lesion?", "Mass, photographs"]
    assert mass.aside == f"the lesion covers 23.1{PERCENT}"
    assert mass.cells[0] == Cell(f"51.0{PERCENT}", "49.0 to 52.6")
    assert found["lesion?", "Mass, synthetic lesions"].cells[0].value == f"60.0{PERCENT}"
    artefact = found["by?", "Pointing"]
    assert artefact.aside == "strongest place on the artefact"
    assert artefact.cells[0].value == f"88.0{PERCENT}"


def test_cell_of_a_missing_measurement_is_blank(lean: dict[str, Any]) -> None:
    found = rows(lean)

    assert set(found["lesion?", "Mass, photographs"].cells) == {Cell()}
    assert set(found["by?", "Mass"].cells) == {Cell()}
    assert tables.of(lean)["baselines"].rows == ()


def test_differences_mark_what_is_beaten(document: dict[str, Any]) -> None:
    grid = tables.differences(document)
    first = grid.rows[0][1][0]

    assert [name for name, _ in grid.columns] == ["deletion, against", "insertion, against"]
    assert first.head == "Grad-CAM"
    mark = "\N{NO-BREAK SPACE}\N{CHECK MARK}"
    assert [cell.value for cell in first.cells] == [
        f"{MINUS}0.150{mark}",
        f"{MINUS}0.058{mark}",
        f"{MINUS}0.009",
        f"+0.150{mark}",
        f"+0.130{mark}",
        "+0.029",
    ]
    assert first.cells[0].below == f"{MINUS}0.165 to {MINUS}0.138"


def test_candidates_are_compared_with_controls_and_methods(document: dict[str, Any]) -> None:
    grid = tables.candidates(document)
    (row,) = grid.rows[0][1]

    assert grid.columns[1] == (
        "insertion, against",
        ("random map", "edge detector", "centred Gaussian", "Grad-CAM", "LIME"),
    )
    assert row.head == "lime 49"
    assert row.cells[4].value == f"{MINUS}0.060\N{NO-BREAK SPACE}\N{CHECK MARK}"
    assert row.cells[8].value == f"{MINUS}0.033"
    assert tables.candidates(document | {"candidates": {}}).rows == (("", ()),)


def test_baselines_of_integrated_gradients(document: dict[str, Any]) -> None:
    table = tables.of(document)["baselines"]

    assert table.caption == "Baselines of Integrated Gradients"
    assert [row[0] for row in table.rows] == ["blurred", "black", "skin"]
    assert table.rows[1] == (
        "black",
        "0.402 (0.382 to 0.418)",
        "0.610 (0.590 to 0.626)",
        f"6.2{PERCENT}",
        f"186.0{PERCENT}",
    )


def test_a_method_without_a_display_name_keeps_its_name(document: dict[str, Any]) -> None:
    document["methods"] = {"new_method": document["methods"]["lime"]}

    assert tables.of(document)["methods"].rows == (("new method", "", "for and against", ""),)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00123, "0.0012"), (12.3, "12"), (1234.5, "1,234"), (0.0, "0"), (1.23e-05, "1.2e-05")],
)
def test_significant_figures(value: float, text: str) -> None:
    assert significant(value) == text


def test_the_ends_of_an_interval_have_the_digits_of_its_value() -> None:
    assert Cell.of_any_size(interval(0.0123, 0.01)) == Cell("0.012", "0.002 to 0.020")
    assert Cell.of_any_size(interval(None)) == Cell()
    assert Cell.of_any_size({"value": 4.2, "low": None, "high": None}) == Cell("4.2")

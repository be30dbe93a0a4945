"""Tables as data and as Markdown."""

from __future__ import annotations

from typing import Any

import pytest

from training.evaluation.report.formats import MISSING as DASH
from training.evaluation.report.formats import PERCENT
from training.evaluation.report.model import tables


def rows(evidence: dict[str, Any], name: str) -> dict[str, tuple[str, ...]]:
    return {row[0]: row[1:] for row in tables.of(evidence)[name].rows}


def test_each_score_of_each_sample_with_its_interval(evidence: dict[str, Any]) -> None:
    found = rows(evidence, "scores")

    assert found["AUROC"] == (
        "0.903 (0.853 to 0.943)",
        "0.898 (0.848 to 0.938)",
        "0.881 (0.831 to 0.921)",
    )
    assert found["photographs"] == ("120", "118", "1,543")
    assert f"PPV at 2{PERCENT} prevalence" in found


def test_a_score_of_one_class_is_a_dash(lean: dict[str, Any]) -> None:
    assert rows(lean, "scores")["AUROC"] == (DASH, DASH, DASH)


def test_undisturbed_photographs_have_no_change(evidence: dict[str, Any]) -> None:
    found = rows(evidence, "stress")

    assert found["unchanged"][1:] == (DASH, DASH)
    assert found["hair"][1:] == (
        "\N{MINUS SIGN}0.003 (\N{MINUS SIGN}0.013 to +0.005)",
        f"3.0{PERCENT} (1.0 to 4.6)",
    )


def test_table_of_unsuitable_pictures_has_a_total(evidence: dict[str, Any]) -> None:
    found = rows(evidence, "caught")

    assert found["no lesion"][:2] == ("120", f"60.0{PERCENT} (55.0 to 64.0)")
    assert found["in all"] == ("600", f"74.0{PERCENT} (71.0 to 76.4)", DASH, DASH)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.90, 0.91, 0.92], "0.910 ± 0.010"),
        ([0.9], f"0.900 ± {DASH}"),
        ([None, 0.9, 0.92], "0.910 ± 0.014"),
        ([None], DASH),
        (None, DASH),
    ],
)
def test_the_spread_over_seeds(values: list[float | None] | None, text: str) -> None:
    assert tables.mean_and_spread(values) == text


def test_recipes_stand_side_by_side(evidence: dict[str, Any]) -> None:
    table = tables.of(evidence)["recipes"]

    assert table.head == ("score", "head", "layer4", "all")
    assert rows(evidence, "recipes")["seconds"] == ("3.2", "412.5", "1,290.0")


def test_net_benefit_of_the_model_of_the_label_and_of_everybody(evidence: dict[str, Any]) -> None:
    found = rows(evidence, "net_benefit")

    # 20 cancers among 1,000 people; everybody treated: 20 - 980 * 5 / 95 cancers.
    assert found[f"5{PERCENT}"] == (
        "\N{MINUS SIGN}31.6",
        *("+17.0 (+15.5 to +18.2)", "+16.6 (+15.1 to +17.8)"),
        *("+15.0 (+13.5 to +16.2)", "+14.6 (+13.1 to +15.8)"),
    )


def test_predictive_values_by_prevalence(evidence: dict[str, Any]) -> None:
    found = rows(evidence, "predictive_values")

    assert found[f"10{PERCENT}"] == (
        *(f"10.0{PERCENT} (9.0 to 10.8)",) * 2,
        *(f"99.00{PERCENT} (98.67 to 99.27)",) * 2,
    )


def test_small_groups_are_marked(evidence: dict[str, Any]) -> None:
    small, large = tables.of(evidence)["groups"].rows

    assert small[:6] == ("skin_type: <V>", "test, leak-free", "40", "8", "few", DASH)
    assert large[4:6] == ("", "0.87 (0.82 to 0.91)")


def test_markdown_lines_up() -> None:
    table = tables.Table("Name", ("score", "value"), (("AUROC", "0.9"), ("b", "0.12")))

    assert table.markdown().split("\n") == [
        "| score | value |",
        "| ----- | ----: |",
        "| AUROC |   0.9 |",
        "| b     |  0.12 |",
    ]


def test_a_cell_cannot_break_out_of_markdown() -> None:
    table = tables.Table("Name", ("tried", "gave"), (("a | b\nc", "<img> *x* x86_64 _y_"),), True)

    assert table.markdown().split("\n")[2] == r"| a \| b c | \<img> \*x\* x86_64 \_y\_ |"


def test_calibration_error_is_shown_with_that_of_a_perfect_model(
    evidence: dict[str, Any],
) -> None:
    rows = {row[0]: row[1:] for row in tables.of(evidence)["scores"].rows}

    perfect = rows["ECE if every probability were right"]
    assert perfect == ("0.046", "0.046", "0.013")

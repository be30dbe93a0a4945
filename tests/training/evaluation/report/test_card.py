"""The model card: Mitchell's headings, tables that are Markdown, and no photograph."""

from __future__ import annotations

import re
from typing import Any

import pytest

from training.evaluation.report.model.page import card

HEADINGS = [
    "Model details",
    "Intended use",
    "Out-of-scope use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and limits",
    "How to repeat",
]


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("sample", ["evidence", "lean"])
def test_headings_in_their_order(request: pytest.FixtureRequest, sample: str) -> None:
    text = card(request.getfixturevalue(sample))

    assert re.findall(r"(?m)^## (.*)$", text) == HEADINGS
    assert re.match(r"# LesionLens, model folder-weights-1a2b3c4d\n\n\S", text)
    assert "None" not in text
    assert "\n\n\n" not in text
    assert text.endswith("|\n")


@pytest.mark.parametrize("sample", ["evidence", "lean"])
def test_tables_are_valid(request: pytest.FixtureRequest, sample: str) -> None:
    text = card(request.getfixturevalue(sample))
    blocks = [block for block in text.split("\n\n") if block.startswith("|")]

    assert len(blocks) == {"evidence": 14, "lean": 8}[sample]
    for block in blocks:
        rows = [re.split(r"(?<!\\)\|", line.strip())[1:-1] for line in block.strip().split("\n")]
        assert len({len(row) for row in rows}) == 1, block
        assert all(re.fullmatch(r" -{2,}:? ?", cell) for cell in rows[1]), block
        assert len(rows) > 2, block


def test_no_photograph_and_no_name_of_one(
    evidence: dict[str, Any], thumbnails: dict[str, bytes]
) -> None:
    text = card(evidence)

    assert "base64" not in text
    assert "data:" not in text
    assert not any(name in text for name in thumbnails)


def test_the_card_has_the_required_statements(evidence: dict[str, Any]) -> None:
    text = card(evidence)
    caveats = text[text.index("## Caveats") :]

    assert "Not a medical device" in caveats
    assert "Scores were measured by skin_type, and by no other attribute" in caveats
    assert "stated for a prevalence of 50\N{NO-BREAK SPACE}%" in caveats
    assert "The background reveals the label" in caveats
    assert "The background reveals the label" in one_line(text[: text.index("## Model det")])


def test_a_card_without_groups_says_that_nothing_is_known_of_them(lean: dict[str, Any]) -> None:
    assert "No labels of skin tone" in card(lean)


def test_a_synthetic_model_is_labelled_first(evidence: dict[str, Any]) -> None:
    evidence["data"]["source"] = "synthetic"
    text = card(evidence)

    assert text.split("\n\n")[1].startswith("These results are not valid for people")
    assert "Photographs are of patients" not in text


def test_the_licence_of_real_photographs(evidence: dict[str, Any]) -> None:
    text = card(evidence)

    assert "must not be published where their licence does not allow it" in one_line(text)

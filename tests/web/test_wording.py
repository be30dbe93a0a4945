"""Test the wording of answers."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from handlers.explainers.methods import DEFAULT as OWN_DEFAULT
from handlers.explainers.methods import METHODS, NAMES
from tests.page_texts import sentence
from tests.web.conftest import explanation, prediction
from web import texts
from web.errors import PageError
from web.options import DEFAULT, SECONDS
from web.service import Explanation, Prediction
from web.wording import (
    AnswerWords,
    answer_words,
    count,
    explanation_words,
    failure_words,
    method_words,
    percent,
)

ENGLISH = texts.load()["en"]
VERSION = prediction()["model_version"]
HARD = "\u00a0"  # no line ends between a number and its unit


def words(**changes: Any) -> AnswerWords:
    return answer_words(Prediction.model_validate(prediction(**changes)), ENGLISH)


@pytest.mark.parametrize(
    ("probability", "of_a_hundred", "in_percent"),
    [
        (0.0, "fewer than 1", "less than 0.1 %"),
        (0.0099, "fewer than 1", "1.0 %"),
        (0.01, "about 1", "1.0 %"),
        (0.209984, "about 21", "21.0 %"),
        (0.873, "about 87", "87.3 %"),
        (0.99, "about 99", "99.0 %"),
        (0.996, "more than 99", "99.6 %"),
        (1.0, "more than 99", "more than 99.9 %"),
    ],
)
def test_formats_probability_in_words(
    probability: float, of_a_hundred: str, in_percent: str
) -> None:
    assert count(probability, ENGLISH) == of_a_hundred
    assert percent(probability, ENGLISH).replace(HARD, " ") == in_percent


def test_answer_is_in_plain_words() -> None:
    said = words()

    assert said.heading == sentence("answer.heading.cancer")
    assert said.choice is None
    assert said.frequency == sentence(
        "answer.frequency", count=count(0.209984, ENGLISH), percent=percent(0.209984, ENGLISH)
    )
    assert f"10.9{HARD}%" in said.threshold
    assert said.reasons == []
    assert said.review == ENGLISH["review"]["no"]
    assert said.version == "Model folder-weights-1a2b3c4d."


def test_negative_answer_is_equally_plain() -> None:
    said = words(label="no cancer", probability=0.02)

    assert said.heading == sentence("answer.heading.no cancer")
    assert count(0.02, ENGLISH) in said.frequency


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        *(
            (reason, sentence(f"review.reasons.{reason}"))
            for reason in ENGLISH["review"]["reasons"]
        ),
        ("something_new", "something_new"),
    ],
)
def test_each_reason_for_review_is_stated(reason: str, expected: str) -> None:
    said = words(review=True, reasons=[reason])

    assert said.review == ENGLISH["review"]["yes"]
    assert len(said.reasons) == 1
    assert expected in said.reasons[0]
    assert "doctor" in said.advice[-1]


@pytest.mark.parametrize(
    ("reasons", "heading", "again"),
    [
        (["near_threshold"], "unsure", False),
        (["low_quality"], "unsuitable", True),
        (["near_threshold", "unlike_training_data"], "unsuitable", True),
    ],
)
def test_uncertain_answer_is_calm_and_says_what_to_do(
    reasons: list[str], heading: str, again: bool
) -> None:
    said = words(review=True, reasons=reasons)

    assert said.heading == sentence(f"answer.doubtful.{heading}")
    assert said.choice == sentence("answer.choice.cancer")
    assert (sentence("review.advice.again") in said.advice) is again


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("synthetic-untrained-1a2b3c4d", 2),
        ("synthetic-weights-1a2b3c4d", 1),
        ("folder-untrained-1a2b3c4d", 1),
        ("folder-weights-1a2b3c4d", 0),
    ],
)
def test_names_model_without_photographs_of_people(version: str, expected: int) -> None:
    said = words(model_version=version).origin

    assert len(said) == expected
    assert set(said) <= set(ENGLISH["answer"]["origin"].values())
    assert all("nothing about people" in line for line in said)


def test_explanation_states_what_colours_mean_and_do_not_mean() -> None:
    given = Explanation.model_validate(explanation())

    said = explanation_words(given, VERSION, b"seen", ENGLISH)

    assert said.seen == "data:image/png;base64," + base64.b64encode(b"seen").decode()
    assert said.overlay == "data:image/png;base64," + explanation()["overlay"]
    assert said.colours == sentence("explanation.colours.signed", target="cancer", scale="0.82")
    assert f"7{HARD}x{HARD}7" in said.notes[0]
    assert said.notes[1] == sentence(
        "explanation.mass.signed", percent=f"71.0{HARD}%", target="cancer"
    )
    assert said.notes[2] == sentence("explanation.meaning")
    assert len(said.notes) == 3


@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_be_chosen_and_has_a_text(method: str) -> None:
    given = Explanation.model_validate(explanation(method=method))

    assert set(NAMES) == set(SECONDS)
    assert DEFAULT == OWN_DEFAULT
    for known in texts.load().values():
        (label,) = [choice.label for choice in method_words(known) if choice.value == method]
        assert label.startswith(known["methods"][method]["name"])
        said = explanation_words(given, VERSION, b"", known)
        assert said.notes[0] == known["methods"][method]["reading"]


def test_unsigned_map_text_mentions_no_direction() -> None:
    given = Explanation.model_validate(explanation(method="saliency", signed=False))

    said = explanation_words(given, VERSION, b"", ENGLISH)

    assert said.colours == sentence("explanation.colours.unsigned", target="cancer", scale="0.82")
    assert not any("Red" in line for line in (said.colours, *said.notes))
    assert said.notes[1] == sentence("explanation.mass.unsigned", percent=f"71.0{HARD}%")


def test_missing_outline_is_not_mentioned() -> None:
    given = Explanation.model_validate(explanation(lesion_mass=None))

    said = explanation_words(given, VERSION, b"", ENGLISH)

    assert not any("outline" in note for note in said.notes)


def test_explanation_by_another_model_is_labelled() -> None:
    given = Explanation.model_validate(explanation(model_version="folder-weights-new"))

    said = explanation_words(given, VERSION, b"", ENGLISH)

    assert said.notes[-1] == sentence("explanation.other_model", version="folder-weights-new")


def test_busy_service_text_states_the_wait() -> None:
    assert "in 7 seconds" in failure_words(PageError("busy", retry_after=7), ENGLISH).text
    assert "in a moment" in failure_words(PageError("busy"), ENGLISH).text

"""Test page texts against snapshots; after a change, read the difference of the file."""

from __future__ import annotations

from typing import get_args

import pytest

from tests.page_texts import compare
from tests.web.conftest import explanation, prediction, similar_cases
from web import texts
from web.cases import cases_words
from web.errors import Kind, PageError
from web.service import Explanation, Prediction, SimilarCases
from web.wording import answer_words, explanation_words, failure_words, method_words

VALUES = {"limit": 15, "seen": 30, "reason": "a reason", "seconds": 60}


def sentences(language: texts.Texts) -> list[str]:
    """All generated texts, for both labels and for signed and unsigned maps."""
    lines: list[str] = []
    for changes in (
        {},
        {"label": "no cancer", "probability": 0.02},
        {"review": True, "reasons": ["near_threshold"]},
        {"review": True, "reasons": ["low_quality", "unlike_training_data"]},
        {"model_version": "synthetic-untrained-1a2b3c4d", "risk": 0.0004},
    ):
        answer = answer_words(Prediction.model_validate(prediction(**changes)), language, "cancer")
        lines += [answer.heading, *([answer.choice] if answer.choice else []), answer.frequency]
        lines += [answer.threshold, *answer.origin, answer.review, *answer.reasons, *answer.advice]
        lines += [answer.version, answer.risk.text, answer.impression, answer.verdict, ""]
    for changes in ({}, {"method": "saliency", "signed": False, "model_version": "another"}):
        given = Explanation.model_validate(explanation(**changes))
        explained = explanation_words(given, prediction()["model_version"], b"", language)
        lines += [explained.seen_caption, explained.colours, *explained.notes, ""]
    for thumbnail in (None, b"\xff\xd8"):
        near = SimilarCases.model_validate(similar_cases(thumbnail, model_version="another"))
        cases = cases_words(near, prediction()["model_version"], b"", language)
        lines += [language["cases"]["heading"], cases.seen_caption, cases.summary, *cases.notes]
        lines += [f"{row.alt} {row.label} {row.distance}" for row in cases.rows] + [""]
    lines += [method.label for method in method_words(language)] + [""]
    for kind in get_args(Kind):
        failure = failure_words(PageError(kind, retry_after=7, **VALUES), language)
        lines.append(f"{failure.heading}: {failure.text}")
    return lines


@pytest.mark.parametrize("name", texts.load())
def test_page_texts_equal_the_snapshot(name: str) -> None:
    compare(f"{name}.txt", "\n".join(sentences(texts.load()[name])).replace("\u00a0", "~") + "\n")

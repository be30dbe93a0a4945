"""Test the page's table of similar training photographs."""

from __future__ import annotations

import base64
import json

import pytest

from tests.page_texts import sentence
from tests.web.conftest import (
    EXPLAIN,
    Double,
    Elements,
    Reply,
    Visit,
    prediction,
    similar_cases,
)
from web import texts
from web.cases import cases_words
from web.service import SimilarCases
from web.wording import method_words

ENGLISH = texts.load()["en"]
VERSION = prediction()["model_version"]


@pytest.mark.parametrize("language", texts.load())
def test_similar_cases_are_no_diagnosis(language: str) -> None:
    known = texts.load()[language]
    given = SimilarCases.model_validate(similar_cases())

    said = cases_words(given, VERSION, b"seen", known)

    (label,) = [one.label for one in method_words(known) if one.value == "similar_cases"]
    assert label.startswith(known["methods"]["similar_cases"]["name"])
    assert said.summary == known["cases"]["summary"].format(count=3, cancers=2)
    assert said.notes == [
        known["methods"]["similar_cases"]["reading"],
        known["cases"]["meaning"],
        known["cases"]["unseen"],
    ]
    shown = [(row.label, row.distance) for row in said.rows]
    labels, point = known["label"], known["decimal"]
    assert shown == [
        (labels["no cancer"], f"0{point}08"),
        (labels["cancer"], f"0{point}14"),
        (labels["cancer"], f"0{point}20"),
    ]
    assert not said.pictures


def test_thumbnails_are_shown_where_the_archive_has_them() -> None:
    given = SimilarCases.model_validate(similar_cases(b"\xff\xd8 jpeg"))

    said = cases_words(given, VERSION, b"seen", ENGLISH)

    assert said.pictures
    picture = "data:image/jpeg;base64," + base64.b64encode(b"\xff\xd8 jpeg").decode()
    assert {row.thumbnail for row in said.rows} == {picture}
    assert ENGLISH["cases"]["unseen"] not in said.notes


@pytest.mark.parametrize("thumbnail", [None, b"\xff\xd8 jpeg"])
def test_page_shows_a_table_instead_of_a_map(
    thumbnail: bytes | None, visit: Visit, photograph: bytes
) -> None:
    double = Double(explain=Reply({"explanations": [similar_cases(thumbnail)]}))
    form = {"method": "similar_cases"}

    page = visit("POST", double=double, files={"photograph": photograph}, data=form)

    (asked,) = [body for path, _, body in double.asked if path == EXPLAIN]
    assert json.loads(asked)["instances"][0]["method"] == "similar_cases"
    elements = Elements(page.text)
    assert sentence("cases.heading") in elements.text
    assert len(elements.of("td")) == (9 if thumbnail else 6)
    shown = [str(one["src"]).partition(";")[0] for one in elements.of("img")]
    assert shown.count("data:image/jpeg") == (3 if thumbnail else 0)
    assert "overlay" not in [one.get("id") for one in elements.of("img")]


def test_thumbnail_that_is_no_jpeg_is_not_shown(visit: Visit, photograph: bytes) -> None:
    double = Double(explain=Reply({"explanations": [similar_cases(b"<svg>")]}))

    page = visit("POST", double=double, files={"photograph": photograph})

    assert sentence("explanation.missing") in Elements(page.text).text

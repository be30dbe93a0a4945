"""Test that all texts are in the language files."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from starlette.requests import Request

from web import texts
from web.app import HERE
from web.errors import STATUS, Kind

LANGUAGES = sorted(path.stem for path in texts.FOLDER.glob("*.toml"))


def leaves(table: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


ENGLISH = dict(leaves(texts.load()["en"]))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_texts_and_placeholders(language: str) -> None:
    own = dict(leaves(texts.load()[language]))

    assert own.keys() == ENGLISH.keys()
    assert {name: gaps(text) for name, text in own.items()} == {
        name: gaps(text) for name, text in ENGLISH.items()
    }
    assert own["language"] == language
    assert all(text.strip() == text != "" for text in own.values())


@pytest.mark.parametrize(
    ("address", "header", "chosen"),
    [
        ("", "", "en"),
        ("", "da-DK,da;q=0.9,en;q=0.8", "da"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "fr, da;q=0.5", "da"),
        ("", "da;q=0, en", "en"),
        ("", "xx", "en"),
        ("lang=en", "da", "en"),
        ("lang=da", "en", "da"),
        ("lang=../en", "", "en"),
    ],
)
def test_language_is_chosen_by_address_then_browser(address: str, header: str, chosen: str) -> None:
    headers = [(b"accept-language", header.encode())]
    request = Request({"type": "http", "query_string": address.encode(), "headers": headers})

    assert texts.choose(request, texts.load())["language"] == chosen


def test_every_failure_has_a_text_and_a_status() -> None:
    kinds = set(get_args(Kind))

    assert set(STATUS) == kinds
    for kind in kinds:
        assert {f"failures.{kind}.heading", f"failures.{kind}.text"} <= ENGLISH.keys()


def test_templates_contain_no_text() -> None:
    for path in sorted((HERE / "templates").glob("*.html")):
        text = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|<[^>]*>", " ", path.read_text(encoding="utf-8"))
        assert re.findall(r"\w+", text) == [], path.name


def test_caution_appears_once() -> None:
    assert [name for name, text in ENGLISH.items() if "medical device" in text] == ["page.caution"]


def test_script_contains_no_text() -> None:
    for path in sorted((HERE / "static").glob("*.js")):
        code = re.sub(r"(?m)^\s*(//|/?\*).*$", "", path.read_text(encoding="utf-8"))
        strings = re.findall(r'"([^"\n]*)"', re.sub(r'new (Error|RangeError)\("[^"]*"\)', "", code))
        said = [text for text in strings if re.search(r"[a-z]+ [a-z]+ [a-z]+", text)]
        assert set(said) <= {r"Raw profile type exif\0"}  # a PNG's, written by ImageMagick

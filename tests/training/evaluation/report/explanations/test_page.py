"""The explanation page: first paragraph, no external resources, examples, optional parts."""

from __future__ import annotations

import io
import re
from base64 import b64decode
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handlers import rendering
from tests.training.evaluation.report.explanations.conftest import CONTROLS, MEASURED, stand_ins
from tests.training.evaluation.report.reading import Page
from training.evaluation.explanations.examples import Example
from training.evaluation.report.explanations import page as pages

Write = Callable[[], str]


def test_the_page_is_whole_and_loads_nothing(written: Write) -> None:
    html = written()
    page = Page(html)

    assert page.wrong == []
    assert not re.search(r"https?://|<script|<link|@import|url\(|\son\w+=", html)
    policy = page.every("meta")[2]["content"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    targets = {f"#{attributes.get('id')}" for _, attributes in page.elements}
    links = [attributes["href"] for attributes in page.every("a")]
    assert len(links) == 9
    assert set(links) <= targets
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_picture_is_embedded_with_alternative_text(written: Write) -> None:
    page = Page(written())

    shown = 3 * (1 + 2 * len(MEASURED))  # an original, each map with its scale
    assert len(page.pictures) == len(stand_ins()) + 2 + shown
    for source in page.pictures:
        Image.open(io.BytesIO(decoded(source))).load()
    # Photographs as JPEG: as PNG a dozen examples would make the page ten times as large.
    assert sum(source.startswith("data:image/jpeg") for source in page.pictures) == 24
    assert all(attributes["alt"] for attributes in page.every("img"))


def test_the_conclusion_comes_first(written: Write) -> None:
    first = Page(written()).paragraphs[0]

    assert first.startswith("Of 7 methods the evidence picks Grad-CAM")
    assert "beats a random map and an edge detector" in first
    assert "but not a centred Gaussian" in first
    assert "Saliency fails the randomisation check" in first
    assert "51.0" in first
    assert "the lesion, which covers 23.1" in first
    assert "planted artefact" in first


def test_each_example_shows_the_original_and_then_every_map_with_its_scale(written: Write) -> None:
    html = written()

    kinds = re.findall(r"<h3>(.*?)</h3>", html)
    assert kinds == ["Answered rightly", "Answered wrongly", "Flagged for a person"]
    for example in html.split('<div class="example">')[1:]:
        titles = re.findall(r"<figcaption><b>(.*?)</b>", example)
        assert titles[:3] == ["original", "Grad-CAM", "Integrated Gradients"]
        assert len(titles) == 1 + len(MEASURED)
        assert "7 x 7 cells, interpolated smoothly" in example
        assert example.count('class="bar"') == len(MEASURED)
        # Signed maps go from a minus to a plus, unsigned ones from nothing.
        assert len(re.findall(r"<span>\N{MINUS SIGN}0\.\d\d</span><span>0</span>", example)) == 5
        assert len(re.findall(r'"ends"><span>0</span><span>0\.\d\d</span>', example)) == 2


def test_an_example_has_prediction_and_true_label(written: Write) -> None:
    text = Page(written()).text

    assert "Filed as malignant. Answered “no cancer”: P(cancer) = 0.08, threshold 0.31." in text
    assert "Flagged: near the threshold, low quality." in text
    assert "Explained: “no cancer”." in text


def test_a_missing_kind_of_example_is_stated(
    document: dict[str, Any], examples: list[Example]
) -> None:
    right = [one for one in examples if one.kind == "correct"]
    text = Page(pages.html(document, right, stand_ins())).text

    assert text.count("There was no such photograph.") == 2


@pytest.mark.parametrize(
    ("place", "colours"),
    [
        (0, (rendering.AGAINST, rendering.NEUTRAL, rendering.FOR)),
        (1, (rendering.NEUTRAL, None, rendering.EITHER)),
    ],
)
def test_a_scale_has_the_colours_of_the_maps(
    written: Write, place: int, colours: tuple[Any, ...]
) -> None:
    bars = [one for one in Page(written()).every("img") if one.get("class") == "bar"]
    strip = np.asarray(Image.open(io.BytesIO(decoded(str(bars[place]["src"])))).convert("RGB"))

    for at, colour in zip((0, strip.shape[1] // 2, -1), colours, strict=True):
        if colour is not None:
            assert strip[0, at] == pytest.approx(np.array(colour), abs=3)


def test_the_table_scrolls_in_itself_and_has_headers_of_all_kinds(written: Write) -> None:
    html = written()
    page = Page(html)

    regions = [one for one in page.every("div") if str(one.get("class", "")).startswith("scroll")]
    assert len(regions) == len(page.every("table")) == 8
    assert all(one["aria-label"] and one["tabindex"] == "0" for one in regions)
    main = Page(re.findall(r"<table class=\"grid\">.*?</table>", html, re.DOTALL)[0])
    scopes = [one.get("scope") for one in main.every("th")]
    assert scopes.count("col") == len(MEASURED) + len(CONTROLS)
    assert scopes.count("colgroup") == 2
    assert scopes.count("rowgroup") == 5
    assert len(main.every("td")) == 2 + scopes.count("row") * scopes.count("col")
    assert "None" not in main.text
    assert "<td>0.412<small>0.392 to 0.428</small></td>" in html


def test_photographs_of_patients_are_not_to_be_published(
    document: dict[str, Any], written: Write
) -> None:
    assert "must not be published" in written()
    document["data"]["source"] = "synthetic"
    html = written()

    assert "must not be published" not in html
    assert "they show no person" in html
    assert Page(html).paragraphs[0].startswith("These results are not valid for people")


def test_page_is_written_without_optional_sections(lean: dict[str, Any]) -> None:
    page = Page(pages.html(lean, [], stand_ins()))

    assert page.wrong == []
    assert "There are no photographs with masks" in page.paragraphs[0]
    assert "Whether a planted artefact is shown was not measured" in page.paragraphs[0]
    assert "Baselines were not compared." in page.text
    assert "None" not in page.text
    assert not re.search(r"\bnan\b", page.text)


def test_the_limit_of_a_correlation_is_stated_where_it_is_known(
    document: dict[str, Any], written: Write
) -> None:
    assert "falls\nfar enough;" in Page(written()).text
    document["reacts_below"] = 0.45

    assert "falls\nto 0.45 or less;" in Page(written()).text


def decoded(source: str) -> bytes:
    return b64decode(source.partition(";base64,")[2], validate=True)

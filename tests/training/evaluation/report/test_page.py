"""The report page: first paragraph, no external resources, optional parts."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from PIL import Image

from tests.training.evaluation.report.conftest import ACROSS, WITHIN, pair
from tests.training.evaluation.report.reading import Page
from training.evaluation.report.model.page import SHOWN, ordered

Write = Callable[[], str]
LEAKS = "The background reveals the label"


def test_every_element_closes_and_every_address_is_there(written: Write) -> None:
    page = Page(written())

    assert page.wrong == []
    targets = {attributes.get("id") for _, attributes in page.elements}
    links = [str(attributes["href"]) for attributes in page.every("a")]
    assert len(links) == 9
    assert {link.removeprefix("#") for link in links} <= targets


def test_headings_go_down_one_step_at_a_time(written: Write) -> None:
    levels = [int(tag[1]) for tag, _ in Page(written()).elements if re.fullmatch(r"h\d", tag)]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_page_loads_no_resource_and_runs_no_script(written: Write) -> None:
    html = written()
    page = Page(html)

    assert not re.search(r"https?://|<script|<link|@import|url\(|\son\w+=", html)
    assert all(source.startswith("data:image/") for source in page.pictures)
    policy = page.every("meta")[2]["content"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_every_plot_and_thumbnail_is_embedded_with_alternative_text(written: Write) -> None:
    page = Page(written())
    pictures = [Image.open(io.BytesIO(decoded(source))) for source in page.pictures]

    assert sorted(str(one.format) for one in pictures) == ["JPEG"] * 4 + ["PNG"] * 9
    for one in pictures:
        one.load()
    assert all(attributes["alt"] for attributes in page.every("img"))


def test_the_first_paragraph_has_the_leak_free_scores(
    evidence: dict[str, Any], written: Write
) -> None:
    evidence["scores"]["test_leak_free"]["specificity"] = {"value": 0.61, "low": 0.5, "high": 0.7}
    first = Page(written()).paragraphs[0]

    assert "On 118 test photographs (2 that training photographs repeat are left out)" in first
    assert "AUROC is 0.898 (0.848 to 0.938)" in first
    assert "sensitivity is 0.900 (0.850 to 0.940), 90 of 100 cancers found" in first
    assert "specificity 0.610 (0.500 to 0.700), 61 of 100 benign" in first
    assert "Not a medical device" in first


def test_an_informative_background_is_stated_first(written: Write) -> None:
    first = Page(written()).paragraphs[0]

    assert f"{LEAKS}: with the lesion covered the AUROC is 0.712 (0.662 to 0.752)" in first
    assert "a model that looks only at lesions would have 0.5" in first
    assert "part of the score comes from the picture around the lesion" in first


def test_a_background_that_does_not_tell_is_not_accused(
    evidence: dict[str, Any], written: Write
) -> None:
    evidence["covered"] = {
        "auroc": {"value": 0.56, "low": 0.45, "high": 0.66},
        "accepted": [0.35, 0.65],
        "leaks": False,
    }
    html = written()

    assert LEAKS not in html
    falls = "the AUROC falls to 0.560 (0.450 to 0.660), within 0.5 ± 0.15"
    assert falls in Page(html).paragraphs[0]


@pytest.mark.parametrize(
    ("part", "source", "why"),
    [
        ("data", "synthetic", "the lesions are synthetic."),
        ("backbone", "untrained", "the backbone is untrained."),
    ],
)
def test_a_synthetic_result_is_labelled_first(
    evidence: dict[str, Any], written: Write, part: str, source: str, why: str
) -> None:
    evidence[part]["source"] = source

    assert (
        Page(written()).paragraphs[0].startswith(f"These results are not valid for people: {why}")
    )


def test_real_photographs_are_not_to_be_published(written: Write) -> None:
    html = written()

    before_the_pictures = html[: html.index("data:image/jpeg")]
    assert "must not be published where their licence does not allow it" in before_the_pictures
    assert "These results are not valid for people" not in html


def test_drawn_lesions_have_no_licence(evidence: dict[str, Any], written: Write) -> None:
    evidence["data"]["source"] = "synthetic"
    html = written()

    assert "photographs of patients" not in html
    assert "they show no person" in html


def test_contradicting_labels_are_named_in_words(written: Write) -> None:
    html = written()

    found = re.findall(r'<div class="contradict">(.*?)</div>', html)
    assert found == ["⚠ Labels contradict: benign and malignant"]


def test_pairs_across_train_and_test_come_first(written: Write) -> None:
    text = Page(written()).text

    assert text.index(ACROSS[1]) < text.index("Labels contradict") < text.index(WITHIN[1])


def test_the_order_of_pairs() -> None:
    within, across = ("train/benign/a.jpg", "validation/benign/b.jpg"), ACROSS
    expected = [
        pair(across, 0.95, contradict=True),
        pair(across, 0.99, contradict=False),
        pair(across, 0.91, contradict=False),
        pair(within, 0.92, contradict=True),
        pair(within, 0.99, contradict=False),
    ]

    assert ordered(expected[::-1]) == expected


def test_a_file_name_is_text_and_not_markup(written: Write) -> None:
    html = written()

    assert "mole &lt;1&gt; &amp; &#34;2&#34;.jpg" in html
    assert "mole <1>" not in html
    assert WITHIN[0] in Page(html).text


def test_a_pair_without_thumbnails_is_labelled(
    evidence: dict[str, Any], thumbnails: dict[str, bytes], written: Write
) -> None:
    del thumbnails[ACROSS[0]]
    page = Page(written())

    assert page.text.count("no picture") == 1
    assert page.wrong == []


def test_of_very_many_pairs_the_page_shows_the_first(
    evidence: dict[str, Any], written: Write
) -> None:
    evidence["leaks"]["listed"] += [pair(WITHIN, 0.91, contradict=False)] * SHOWN
    page = Page(written())

    assert len(page.pictures) == 9 + 2 * SHOWN
    assert f"The first {SHOWN} of {SHOWN + 2}; metrics.json has all." in page.text


def test_tables_have_names_and_scroll(written: Write) -> None:
    page = Page(written())

    regions = [one for one in page.every("div") if one.get("class") == "scroll"]
    assert len(regions) == len(page.every("table")) == 14
    assert all(one["aria-label"] and one["tabindex"] == "0" for one in regions)


def test_page_is_written_without_optional_sections(lean: dict[str, Any], written: Write) -> None:
    page = Page(written())

    assert page.wrong == []
    assert "nothing was compared" in page.text
    assert "No near-duplicates among" in page.text
    assert "The pairs" not in page.text
    assert "What was tried" not in page.text
    assert "Cost" not in page.text
    assert "Net benefit could not be measured" in page.text
    assert "No groups were named" in page.text
    assert "The recipe layer4 changes the features." in page.text
    assert "None" not in page.text
    assert not re.search(r"\bnan\b", page.text)


@pytest.mark.parametrize("name", ["comparison", "tried"])
def test_absent_is_as_good_as_null(lean: dict[str, Any], written: Write, name: str) -> None:
    null = written()
    del lean[name]

    assert written() == null


def test_a_group_is_text_and_not_markup(written: Write) -> None:
    html = written()

    assert "skin_type: &lt;V&gt;" in html
    assert "<V>" not in html
    assert "Scores were measured by skin_type, and by no other attribute" in Page(html).text


def decoded(source: str) -> bytes:
    return base64.b64decode(source.partition(";base64,")[2], validate=True)

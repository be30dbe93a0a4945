"""Test the style sheet."""

from __future__ import annotations

import re

import pytest

from web.app import HERE

STYLE = (HERE / "static" / "page.css").read_text(encoding="utf-8")
TEXT_ON = [
    ("ink", "ground"),
    ("quiet", "ground"),
    ("action", "ground"),
    ("on-action", "action"),
    ("ink", "doubt"),
    ("ink", "failure"),
]
EDGES_ON = [("line", "ground"), ("edge", "ground"), ("action", "ground")]


def themes() -> list[dict[str, str]]:
    """Colours by name: light, then dark."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in blocks]


def luminance(colour: str) -> float:
    """WCAG 2's relative luminance."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_formula_is_correct() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", themes(), ids=["light", "dark"])
def test_contrast_meets_wcag(theme: dict[str, str]) -> None:
    for ink, ground in TEXT_ON:
        assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)
    for edge, ground in EDGES_ON:
        assert contrast(theme[edge], theme[ground]) >= 3, (edge, ground)


def test_light_and_dark_theme_define_the_same_names() -> None:
    light, dark = themes()

    assert light.keys() == dark.keys()


def test_style_loads_nothing_and_has_no_animation() -> None:
    assert not re.search(r"url\(|@import|animation|transition", STYLE)

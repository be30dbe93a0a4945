"""Plots have one panel per method, and colours that match the text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from tests.training.evaluation.report.explanations.conftest import MEASURED
from training.evaluation.report.explanations.plots import (
    FAILS,
    PASSES,
    curves,
    masses,
    randomisation,
)
from training.evaluation.report.style import GREY, SETTINGS


@pytest.fixture(autouse=True)
def _styled() -> Iterator[None]:
    with matplotlib.rc_context(SETTINGS):
        yield


def panels(drawn: Figure) -> dict[str, Axes]:
    titles = {axes: axes.get_title(loc="left") for axes in drawn.axes}
    return {title.split("\n")[0]: axes for axes, title in titles.items() if title}


def colour(axes: Axes, line: int) -> str:
    return to_hex(axes.lines[line].get_color()).upper()


def test_a_curve_is_blue_where_every_control_is_beaten(document: dict[str, Any]) -> None:
    found = panels(curves(document, "deletion"))

    assert len(found) == len(MEASURED)
    assert [colour(found["Occlusion"], at) for at in range(3)] == [GREY] * 3
    assert colour(found["Occlusion"], 3) == PASSES
    assert colour(found["Grad-CAM"], 3) == FAILS
    assert found["Grad-CAM"].get_title(loc="left").endswith("AUC 0.412, beats 2 of 3")
    drawn = found["Occlusion"].lines[3].get_ydata()
    assert list(drawn) == document["curves"]["occlusion"]["deletion"]


def test_a_map_that_does_not_react_is_orange(document: dict[str, Any]) -> None:
    found = panels(randomisation(document))

    assert colour(found["Grad-CAM"], 1) == PASSES
    assert colour(found["Saliency"], 1) == FAILS
    assert list(found["Saliency"].lines[1].get_ydata())[::6] == pytest.approx([1, 0.681], abs=1e-3)


def test_a_mass_is_blue_above_what_is_covered_and_controls_are_grey(
    document: dict[str, Any],
) -> None:
    axes = panels(masses(document))["on the planted artefact"]
    dots = [line for line in axes.lines if line.get_marker() == "o"]

    assert list(axes.lines[0].get_xdata()) == [0.027, 0.027]
    assert [to_hex(dot.get_color()).upper() for dot in dots] == [
        *[PASSES] * 6,
        FAILS,
        *[GREY] * 3,
    ]


def test_a_panel_without_masks_is_labelled(lean: dict[str, Any]) -> None:
    found = panels(masses(lean))

    assert found["photographs, in the lesion"].texts[0].get_text() == "not measured"
    assert len(found["synthetic lesions, in the lesion"].lines) > 10


@pytest.mark.parametrize("many", [1, 3, 4, 7])
def test_however_many_methods_each_has_a_panel_and_the_key_its_own(
    document: dict[str, Any], many: int
) -> None:
    document["methods"] = dict(list(document["methods"].items())[:many])
    drawn = curves(document, "insertion")

    found = panels(drawn)
    assert len(found) == many
    # The lowest line is full, so that every column ends in an axis.
    lowest = [axes for axes in found.values() if axes.get_subplotspec().is_last_row()]
    assert len(lowest) == min(many, 4)
    keys = [axes for axes in drawn.axes if any(text.get_text() for text in axes.texts)]
    assert len(keys) == 1
    assert [text.get_text() for text in keys[0].texts][2:] == [
        "random map",
        "edge detector",
        "centred Gaussian",
    ]

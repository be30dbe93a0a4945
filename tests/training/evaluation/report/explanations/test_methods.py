"""Verdicts at the limits of their conditions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.training.evaluation.report.made_up import interval
from training.evaluation.report.explanations import methods


@pytest.mark.parametrize(
    ("measure", "ours", "theirs", "apart", "beats"),
    [
        ("deletion", 0.3, 0.5, True, True),
        ("deletion", 0.3, 0.5, False, False),
        # Apart, and worse.
        ("deletion", 0.5, 0.3, True, False),
        ("insertion", 0.5, 0.3, True, True),
        ("insertion", 0.3, 0.5, True, False),
        ("insertion", 0.5, 0.5, True, False),
        ("insertion", None, 0.5, True, False),
        ("insertion", 0.5, None, True, False),
    ],
)
def test_to_beat_is_to_do_better_with_intervals_apart(
    document: dict[str, Any],
    measure: str,
    ours: float | None,
    theirs: float | None,
    apart: bool,
    beats: bool,
) -> None:
    document["methods"]["lime"][measure] = interval(ours)
    document["controls"]["edges"][measure] = interval(theirs)
    document["beats"]["lime"]["edges"][measure]["apart"] = apart

    assert methods.beats(document, "lime", "edges", measure) is beats


@pytest.mark.parametrize(
    ("low", "area", "above"),
    [(0.21, 0.2, True), (0.2, 0.2, False), (None, 0.2, False), (0.21, None, False)],
)
def test_above_is_the_whole_interval(low: float | None, area: float | None, above: bool) -> None:
    assert methods.above({"value": 0.3, "low": low, "high": 0.4}, area) is above


def test_a_share_that_was_not_measured_is_not_above() -> None:
    assert not methods.above(None, 0.2)


@pytest.mark.parametrize(
    ("low", "pointing", "verdict"),
    [
        (0.1, 0.51, "shown"),
        (0.1, 0.5, "in part"),
        (0.1, None, "in part"),
        (0.02, 0.9, "not shown"),
    ],
)
def test_an_artefact_is_shown_by_mass_and_by_the_strongest_place(
    document: dict[str, Any], low: float, pointing: float | None, verdict: str
) -> None:
    document["methods"]["lime"]["artefact"] = {
        "mass": {"value": 0.2, "low": low, "high": 0.3},
        "pointing": interval(pointing),
    }

    assert methods.artefact_shown(document, "lime") == verdict


def test_method_that_was_not_measured_has_no_verdict(lean: dict[str, Any]) -> None:
    assert methods.artefact_shown(lean, "lime") == "unknown"
    assert methods.located(lean, "lime", "real", "mass") is None
    assert methods.located(lean, "random", "synthetic", "mass") == interval(0.231, 0.02)

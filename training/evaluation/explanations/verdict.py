"""Conclusions: which controls a method beats, and which method is the default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from training import intervals
from training.evaluation.explanations.curves import Curves
from training.evaluation.explanations.documents import Against, Beats, Chosen, MethodMeasured

BETTER: Final = {"deletion": -1, "insertion": 1}
"""Whether more is better (1) or less (-1), by measure."""
RULE: Final = (
    "among the methods whose maps react to randomisation and that take no longer than a handful of "
    "predictions (among all where there is none), the one that beats most controls with intervals "
    "apart, deletion and insertion counted each; of equals the one with the larger insertion minus "
    "deletion"
)
"""Written before any of it was measured."""


def beats(
    drawn: Mapping[str, Curves],
    methods: Sequence[str],
    controls: Sequence[str],
    seed: int,
) -> Beats:
    """Compare each method with each control, or with any other maps.

    Args:
        drawn: curves on the same photographs, by method and control.
        methods: names.
        controls: names of what they are compared with.
        seed: of the resampling.
    """
    return {
        method: {
            control: {name: _against(drawn[method], drawn[control], name, seed) for name in BETTER}
            for control in controls
        }
        for method in methods
    }


def default(methods: Mapping[str, MethodMeasured], beaten: Beats) -> Chosen:
    """Return the method that ``RULE`` selects.

    Args:
        methods: for each ``slow``, ``randomisation``, ``deletion`` and ``insertion``.
        beaten: from :func:`beats`.
    """

    def rank(name: str) -> tuple[bool, int, float]:
        found = methods[name]
        fit = found["randomisation"]["reacts"] and not found["slow"]
        won = sum(one["apart"] for curves in beaten[name].values() for one in curves.values())
        return fit, won, (found["insertion"]["value"] or 0) - (found["deletion"]["value"] or 0)

    method = max(methods, key=rank)
    against = beaten[method]
    return {
        "method": method,
        "rule": RULE,
        "beaten": [
            control
            for control, curves in against.items()
            if all(one["apart"] for one in curves.values())
        ],
        "not_beaten": [
            [control, name]
            for control, curves in against.items()
            for name, one in curves.items()
            if not one["apart"]
        ],
    }


def _against(ours: Curves, theirs: Curves, name: str, seed: int) -> Against:
    one, other = ours.areas(name), theirs.areas(name)
    means = intervals.mean(one, seed), intervals.mean(other, seed)
    lower, higher = means if BETTER[name] < 0 else means[::-1]
    return {
        "difference": intervals.paired(one, other, seed),
        "apart": intervals.below(lower, higher),
    }

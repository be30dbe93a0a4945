"""Means over photographs with their intervals."""

import numpy as np
import pytest

from training import intervals


def test_the_interval_holds_the_mean_and_shrinks_with_more_photographs() -> None:
    numbers = np.random.default_rng(0).normal(0.5, 0.1, 400)
    few, many = intervals.mean(numbers[:20], 0), intervals.mean(numbers, 0)

    for found, sample in ((few, numbers[:20]), (many, numbers)):
        assert found["value"] == pytest.approx(sample.mean(), abs=1e-4)
        error = sample.std() / np.sqrt(len(sample))
        assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_no_photographs_have_no_mean() -> None:
    assert intervals.mean(np.empty(0), 0) == {"value": None, "low": None, "high": None}


def test_a_paired_difference_does_not_see_what_both_share() -> None:
    shared = np.random.default_rng(0).normal(0, 10, 50)
    found = intervals.paired(shared + 1, shared, 0)

    assert (found["value"], found["low"], found["high"]) == (1, 1, 1)


def test_below_wants_the_whole_interval_below() -> None:
    low, high = {"value": 1.0, "low": 0.0, "high": 2.0}, {"value": 4.0, "low": 3.0, "high": 5.0}
    touching = {"value": 3.0, "low": 2.0, "high": 4.0}
    nothing = {"value": None, "low": None, "high": None}

    assert intervals.below(low, high)
    assert not intervals.below(high, low)
    assert not intervals.below(low, touching)
    assert not intervals.below(nothing, high)
    assert not intervals.below(low, nothing)


def test_middle_and_tail_are_percentiles() -> None:
    found = intervals.middle_and_tail(np.arange(101) / 1000)

    assert found == {"median": 0.05, "p95": 0.095}

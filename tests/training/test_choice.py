"""Variants are accepted by their AUROC against the best, their calibration and their cost."""

from dataclasses import replace

import numpy as np
import pytest

from handlers.card import MeasuredVariant
from handlers.variants import PORTABLE
from training.calibration import calibrate
from training.choice import Candidate, Limits, choose
from training.invariance import Regularisation
from training.settings import Aims

AIMS = Aims(sensitivity=0.95, alpha_malignant=0.025, alpha_benign=0.1)
LIMITS = Limits(margin=0.005, budget_ms=20.0)
COUNT = 1000
FITTED = Regularisation(0.01, 3.0)


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return (np.arange(COUNT) % 2).astype(int)


def candidate(labels: np.ndarray, noise: float, forward_ms: float, seed: int = 1) -> Candidate:
    """A variant whose log-odds are those of one underlying score with noise."""
    score = np.random.default_rng(0).normal(2.0 * labels - 1.0, 1.2)
    log_odds = score + np.random.default_rng(seed).normal(0, 1, len(labels)) * noise
    return Candidate(log_odds, calibrate(log_odds, labels, AIMS), forward_ms, FITTED)


def measured(labels: np.ndarray, **candidates: Candidate) -> dict[str, MeasuredVariant]:
    portable = {PORTABLE.name: candidate(labels, 2.0, 10.0)}
    return choose(portable | candidates, labels, LIMITS, {}, 0).measured


def test_cheapest_of_equals_comes_first_and_plain_torchscript_last(labels: np.ndarray) -> None:
    candidates = {
        PORTABLE.name: candidate(labels, 0.0, 1.0),
        "dear": candidate(labels, 0.0, 15.0),
        "cheap": candidate(labels, 0.01, 5.0),
    }

    found = choose(candidates, labels, LIMITS, {"absent": "no package"}, 0)

    assert found.order == ["cheap", "dear", PORTABLE.name]
    assert found.lacking == {"absent": "no package"}
    assert set(found.measured) == set(candidates)
    cheap = found.measured["cheap"]
    assert (cheap.strength, cheap.invariance) == (FITTED.strength, FITTED.invariance)


def test_variant_that_ranks_worse_is_not_accepted(labels: np.ndarray) -> None:
    found = measured(labels, best=candidate(labels, 0.0, 15.0), worse=candidate(labels, 0.7, 5.0))

    assert found["best"].accepted
    assert not found["worse"].accepted
    assert "AUROC may be more than 0.005 below that of best" in found["worse"].why_not
    assert found["worse"].auroc_change.high < 0
    assert found["best"].auroc_change.value == 0


def test_variant_over_the_budget_is_not_accepted(labels: np.ndarray) -> None:
    found = measured(labels, best=candidate(labels, 0.0, 20.1))

    assert found["best"].why_not == "over the budget of 20.0 ms"


def test_variant_with_wrong_probabilities_is_not_accepted(labels: np.ndarray) -> None:
    right = candidate(labels, 0.0, 5.0)
    wrong = replace(right, calibration=replace(right.calibration, temperature=0.2))

    found = measured(labels, right=right, wrong=wrong)

    assert found["right"].accepted
    assert found["wrong"].why_not == "calibration error above chance"


def test_without_an_accepted_variant_plain_torchscript_is_the_default(labels: np.ndarray) -> None:
    candidates = {PORTABLE.name: candidate(labels, 1.0, 1.0), "dear": candidate(labels, 0.0, 99.0)}

    assert choose(candidates, labels, LIMITS, {}, 0).order == [PORTABLE.name]

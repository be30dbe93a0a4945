"""Net benefit and predictive values agree with figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.errors import TrainingError
from training.evaluation.clinical import PREVALENCES, RISKS, measure, net_benefit, stated_prevalence
from training.scores import evaluate, predictive_values

# Five cancers and five benign lesions, 50 %: probability and risk are the same.
PROBABILITIES = np.asarray([0.9, 0.8, 0.7, 0.4, 0.05, 0.6, 0.3, 0.2, 0.1, 0.01])
LABELS = np.asarray([1, 1, 1, 1, 1, 0, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("risk", "expected", "everybody"),
    [
        # From 0.2 on: four of five cancers, three of five alarms at odds of 1 to 4.
        (0.2, 1000 * (0.5 * 4 / 5 - 0.5 * 3 / 5 / 4), 1000 * (0.5 - 0.5 / 4)),
        # From 0.5 on: three of five cancers, one of five alarms, one cancer each.
        (0.5, 1000 * (0.5 * 3 / 5 - 0.5 * 1 / 5), 0),
    ],
)
def test_net_benefit_by_hand(risk: float, expected: float, everybody: float) -> None:
    found = net_benefit(PROBABILITIES, LABELS, 0.5, 0.5, 0)
    # The risks of the curve end at 0.5 in steps of 2 %.
    place = int(np.argmin(np.abs(np.asarray(found["risk"]) - risk)))

    assert found["risk"][place] == pytest.approx(risk)
    assert found["model"][place]["value"] == pytest.approx(expected, abs=1e-3)
    assert found["model"][place]["low"] <= expected <= found["model"][place]["high"]
    assert found["all"][place] == pytest.approx(everybody, abs=1e-3)


def test_at_another_prevalence_the_risk_is_that_of_the_answer() -> None:
    # At 10 %, P(cancer) of 0.7 is a risk of 0.7 * 0.1 / (0.7 * 0.1 + 0.3 * 0.9) = 0.2059, and one
    # of 0.6 is 0.1429: from 0.2 on, three of five cancers and no alarm.
    found = net_benefit(PROBABILITIES, LABELS, 0.3, 0.1, 0)
    place = found["risk"].index(0.2)

    assert found["model"][place]["value"] == pytest.approx(1000 * 0.1 * 3 / 5)
    # The label, from 0.3 on: four of five cancers, two of five alarms at odds of 1 to 4.
    by_label = 1000 * (0.1 * 4 / 5 - 0.9 * 2 / 5 / 4)
    assert found["label"][place]["value"] == pytest.approx(by_label, abs=1e-3)


def test_predictive_values_by_hand() -> None:
    ppv, npv = predictive_values(np.asarray([0.9]), np.asarray([0.8]), np.asarray([0.5, 0.1]))

    assert ppv == pytest.approx([0.45 / 0.55, 0.09 / 0.27])
    assert npv == pytest.approx([0.40 / 0.45, 0.72 / 0.73])


def test_at_two_percent_they_are_those_of_the_scores() -> None:
    found = measure(PROBABILITIES, LABELS, 0.35, 0.02, 0)["predictive_values"]
    scores = evaluate(PROBABILITIES, LABELS, 0.35, 0)
    place = PREVALENCES.index(0.02)

    assert found["ppv"][place] == scores["ppv_at_2_percent"]
    assert found["npv"][place] == scores["npv_at_2_percent"]


def test_its_own_prevalence_is_that_of_the_photographs() -> None:
    found = measure(PROBABILITIES[:8], LABELS[:8], 0.35, 0.02, 0)["net_benefit"]

    assert (found["stated"]["prevalence"], found["own"]["prevalence"]) == (0.02, 0.625)
    assert len(found["own"]["model"]) == len(RISKS)


def test_photographs_of_one_class_have_no_clinical_curves() -> None:
    assert measure(PROBABILITIES[:5], LABELS[:5], 0.5, 0.02, 0) == {
        "net_benefit": None,
        "predictive_values": None,
    }


def test_the_prevalence_is_that_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stated_prevalence() == 0.02
    monkeypatch.setenv("LESIONLENS_PREVALENCE", "0.1")
    assert stated_prevalence() == 0.1
    monkeypatch.setenv("LESIONLENS_PREVALENCE", "2")
    with pytest.raises(TrainingError, match="LESIONLENS_PREVALENCE='2' must be below 1"):
        stated_prevalence()

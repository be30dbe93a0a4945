"""What the predictions are good for in use: decision curves, and PPV and NPV over prevalence.

Photographs of a collection hold far more cancers than those of a clinic, so every value is
reweighted to a stated prevalence. That assumes the same sensitivity and specificity there.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from handlers.prediction import risk
from handlers.settings import HandlerSettings
from training.errors import TrainingError
from training.evaluation.documents import ClinicalUse, NetBenefit, PredictiveValues
from training.intervals import interval
from training.scores import predictive_values, rates

RISKS: Final = tuple(step / 1000 for step in (*range(10, 100, 5), *range(100, 501, 20)))
"""Threshold probabilities of the decision curve: the risk of cancer from which a person would have
the lesion removed."""
PREVALENCES: Final = (
    *(0.001, 0.0015, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02),
    *(0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5),
)
"""Shares of cancers for PPV and NPV, about equally far apart on a logarithmic axis."""
PEOPLE: Final = 1000
"""Net benefit is stated for so many people."""


def stated_prevalence() -> float:
    """Return the share of cancers that the service states (``LESIONLENS_PREVALENCE``, else 2 %).

    Raises:
        TrainingError: a variable of the service has a value that it cannot have.
    """
    try:
        return HandlerSettings.from_environment().prevalence
    except ValueError as error:
        raise TrainingError(str(error)) from error


def measure(
    probabilities: np.ndarray, labels: np.ndarray, threshold: float, stated: float, seed: int
) -> ClinicalUse:
    """Measure net benefit and predictive values.

    Args:
        probabilities: P(cancer) at equal classes, shape (n,).
        labels: 0 or 1, shape (n,).
        threshold: P(cancer) from which the label is ``cancer``.
        stated: prevalence of the service, above 0 and below 1.
        seed: of the resampling behind the 95 % intervals.
    """
    if len(np.unique(labels)) < 2:
        return {"net_benefit": None, "predictive_values": None}
    sample = (probabilities, labels, threshold)
    return {
        "net_benefit": {
            "stated": net_benefit(*sample, stated, seed),
            "own": net_benefit(*sample, float(labels.mean()), seed),
        },
        "predictive_values": _predictive(*sample, seed),
    }


def net_benefit(
    probabilities: np.ndarray, labels: np.ndarray, threshold: float, prevalence: float, seed: int
) -> NetBenefit:
    """Compute the decision curve of Vickers & Elkin (2006).

    Net benefit is cancers found minus false alarms, each alarm weighing the odds of the risk from
    which a person wants the lesion removed: at 5 %, nineteen alarms weigh as much as one cancer.

    Args:
        probabilities: P(cancer) at equal classes, shape (n,).
        labels: 0 or 1, shape (n,), both among them.
        threshold: P(cancer) from which the label is ``cancer``.
        prevalence: share of cancers to which the classes are reweighted.
        seed: of the resampling.
    """
    risks = np.asarray(RISKS)
    # Probabilities assume equal classes: back from a risk is to the prevalence of the others.
    asked = np.asarray([risk(one, 1 - prevalence) for one in RISKS])
    by_risk, by_label = (
        PEOPLE * _net_benefit(*rates(probabilities, labels, thresholds, seed), prevalence, risks)
        for thresholds in (asked, np.full(len(risks), threshold))
    )
    everybody = PEOPLE * _net_benefit(np.ones(1), np.zeros(1), prevalence, risks)
    return {
        "prevalence": round(prevalence, 4),
        "risk": list(RISKS),
        "model": [interval(float(column[0]), column[1:]) for column in by_risk.T],
        "label": [interval(float(column[0]), column[1:]) for column in by_label.T],
        "all": [round(float(value), 4) for value in everybody],
    }


def _net_benefit(
    sensitivity: np.ndarray, specificity: np.ndarray, prevalence: float, risks: np.ndarray
) -> np.ndarray:
    """Cancers found minus weighted false alarms, a share of all people."""
    alarms = (1 - prevalence) * (1 - specificity)
    return np.asarray(prevalence * sensitivity - alarms * risks / (1 - risks))


def _predictive(
    probabilities: np.ndarray, labels: np.ndarray, threshold: float, seed: int
) -> PredictiveValues:
    found = rates(probabilities, labels, np.asarray([threshold]), seed)
    ppv, npv = predictive_values(*found, np.asarray(PREVALENCES))
    return {
        "prevalence": list(PREVALENCES),
        "ppv": [interval(float(column[0]), column[1:]) for column in ppv.T],
        "npv": [interval(float(column[0]), column[1:]) for column in npv.T],
    }

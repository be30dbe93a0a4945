"""Documents of the reports: what ``metrics.json`` and ``scored.json`` hold.

Shares and scores are without a unit, 0 to 1; lists of curves are in the order of their points.
"""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from handlers.card import Interval, Parameters, Scores, TrainingData
from training.evaluation.stress.documents import FlagsForReview, Robustness
from training.leaks import NearDuplicates


class Machine(TypedDict):
    """The machine of a measurement."""

    cores: int
    architecture: str
    """As Python's ``platform.machine`` names it."""


class Roc(TypedDict):
    """Receiver operating characteristic."""

    false_positive_rate: list[float]
    """Share of the benign photographs called cancer."""
    sensitivity: list[float]


class PrecisionRecall(TypedDict):
    """Precision over recall, each class with a weight of a half."""

    recall: list[float]
    precision: list[float]


ReliabilityBin = TypedDict(
    "ReliabilityBin",
    {
        "count": int,
        "from": float,
        "to": float,
        "predicted": float,
        "observed": float,
        "low": float,
        "high": float,
    },
)
"""Predicted and observed share of cancer between two probabilities, with its 95 % interval."""


class RiskCoverage(TypedDict):
    """Share of wrong labels among the share of photographs that are answered."""

    coverage: list[float]
    risk: list[float]


class Curves(TypedDict):
    """Curves behind the scores of one sample."""

    roc: Roc
    precision_recall: PrecisionRecall
    reliability: list[ReliabilityBin]
    risk_coverage: RiskCoverage


class NetBenefit(TypedDict):
    """Decision curve at one prevalence, in cancers per 1,000 people."""

    prevalence: float
    risk: list[float]
    """Threshold probabilities."""
    model: list[Interval]
    """Who has that risk is treated."""
    label: list[Interval]
    """Who is called ``cancer`` is treated."""
    all: list[float]
    """Everybody is treated."""


class NetBenefits(TypedDict):
    """Decision curves at two prevalences."""

    stated: NetBenefit
    """At the prevalence that the service states."""
    own: NetBenefit
    """At the prevalence of the photographs."""


class PredictiveValues(TypedDict):
    """PPV and NPV over prevalence."""

    prevalence: list[float]
    ppv: list[Interval]
    npv: list[Interval]


class ClinicalUse(TypedDict):
    """What the predictions are good for in use; None with one class only."""

    net_benefit: NetBenefits | None
    predictive_values: PredictiveValues | None


class Clinical(TypedDict):
    """Clinical use of the samples that the curves are of."""

    prevalence: float
    """That the service states."""
    test: ClinicalUse
    out_of_sample: ClinicalUse


class ScoredClinical(ClinicalUse):
    """Clinical use of the scored photographs."""

    prevalence: float
    """That the service states."""


class GroupScores(TypedDict):
    """Scores of one group of photographs, such as a skin type."""

    attribute: str
    group: str
    count: int
    cancers: int
    sensitivity: Interval
    specificity: Interval
    auroc: Interval
    few: bool
    """Whether a class has so few photographs that the scores say little."""


class SampleGroupScores(GroupScores):
    """Scores of one group in one sample."""

    sample: str
    """``test_leak_free`` or ``out_of_sample``."""


class CrossValidation(TypedDict):
    """Cross-validated scores, a value a seed."""

    auroc: list[float]


class RecipeScores(TypedDict):
    """Scores of one recipe, a value a seed."""

    seeds: int
    test: dict[str, list[float | None]]
    """By score."""
    cross_validation: CrossValidation
    seconds: float
    """Median of the fits of one seed."""


class Comparison(TypedDict):
    """Paired difference of the cross-validated AUROCs of two recipes."""

    better: str
    than: str
    photographs: int
    seeds: int
    folds: int
    difference: Interval


class Recipes(TypedDict):
    """Recipes compared on the same folds."""

    recipes: dict[str, RecipeScores]
    comparison: Comparison | None
    """None with one recipe."""


class LearningPoint(TypedDict):
    """Scores with a part of the training photographs, a value a repeat."""

    share: float
    photographs: int
    """Mean number learned from."""
    auroc: list[float]
    specificity: list[float]
    """At the sensitivity aimed at."""


class LearningCurve(TypedDict):
    """Cross-validated scores over the number of training photographs."""

    why_not: NotRequired[str]
    """Why the recipe has none; then there is nothing else."""
    points: NotRequired[list[LearningPoint]]
    sensitivity: NotRequired[float]
    """Aimed at."""
    folds: NotRequired[int]


class ErrorRates(TypedDict):
    """Share of each class that may be wrong outside the uncertainty band."""

    cancers_missed: float
    benign_called_cancer: float


class DecisionRule(TypedDict):
    """How a probability becomes a label and a flag."""

    temperature: float
    prevalence: float
    """That probabilities assume."""
    sensitivity_aimed_at: float
    threshold: Interval
    band: tuple[float, float]
    """Uncertainty band."""
    error_rates: ErrorRates


class Choice(TypedDict):
    """Something that was tried, in words."""

    what: str
    gave: str


class OfTheTraining(TypedDict):
    """Measurements of the training itself."""

    made: str
    """Date, ISO 8601."""
    model_version: str
    finetune: str
    parameters: Parameters
    data: TrainingData
    backbone: dict[str, str]
    """``source`` of the weights, and ``digest``: SHA-256 over them."""
    leaks: NearDuplicates
    scores: dict[str, Scores]
    """By sample: ``test``, ``test_leak_free`` and ``out_of_sample``."""
    decision: DecisionRule
    curves: dict[str, Curves]
    """By sample: ``test`` and ``out_of_sample``."""
    tried: list[Choice]
    versions: dict[str, str]
    """Of Python and of packages."""
    machine: Machine


class Compared(Recipes):
    """Recipes compared, and the learning curve."""

    learning: LearningCurve


class ModelReport(OfTheTraining, Robustness, Compared):
    """``reports/VERSION/metrics.json``: the measurements of ``make report``."""

    clinical: Clinical
    groups: list[SampleGroupScores]
    review: FlagsForReview


class Labelled(TypedDict):
    """Photographs of a table of scores, counted."""

    labelled: int
    without_label: int
    unreadable: int


class FlaggedErrors(TypedDict):
    """Answers for review among the scored photographs."""

    share: float
    wrong: int
    """Wrong labels."""
    wrong_and_flagged: int


class ScoreReport(TypedDict):
    """``reports/VERSION/scored.json``: scores of a table with labels."""

    model_version: str
    variant: str
    photographs: Labelled
    scores: Scores
    curves: Curves
    clinical: ScoredClinical
    groups: list[GroupScores]
    review: FlaggedErrors

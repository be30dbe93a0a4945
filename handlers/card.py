"""Document of ``card.json``: what the model is, how its scores are read, and how good it is.

Serving needs the entries without a default; the others are for readers and reports.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NotRequired  # pydantic does not take those of Python 3.11

from typing_extensions import TypedDict


class ArchiveError(RuntimeError):
    """A file of the archive is missing or cannot be used; the message names it."""


@dataclass(frozen=True)
class OperatingPoint:
    """Parameters that turn the log-odds of a variant into a probability, a label and a flag."""

    temperature: float
    """The log-odds are divided by it; fitted on out-of-fold predictions."""
    threshold: float
    """P(cancer) from which the label is ``cancer``."""
    near_threshold: tuple[float, float]
    """Uncertainty band: P(cancer) of answers with the flag ``near_threshold``."""


@dataclass
class MeasuredBackend:
    """Measurements of one float32 backend against plain TorchScript."""

    forward_ms: float | None = None
    """Median milliseconds of one photograph."""
    largest_difference: float | None = None
    """Largest difference of a probability over ``photographs``."""
    photographs: int = 0
    passes: bool = False
    """Whether it gives the same answers, up to the tolerance of ``training.backends``."""
    lacking: str = ""
    """Why it could not be measured on the machine of the training."""


@dataclass(frozen=True)
class Backends:
    """Backends of the convolutions in float32."""

    order: list[str] = field(default_factory=list)
    """Names of those that give the same answers as plain TorchScript, fastest first."""
    measured: dict[str, MeasuredBackend] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """A score with its bootstrap 95 % interval."""

    value: float
    low: float
    high: float


class Interval(TypedDict):
    """A value with its 95 % interval; None where it was not measured."""

    value: float | None
    low: float | None
    high: float | None


class Scores(TypedDict):
    """Scores of a model on one sample of photographs."""

    count: int
    """Photographs."""
    cancers: int
    auroc: Interval
    auprc: Interval
    sensitivity: Interval
    specificity: Interval
    ppv_at_2_percent: Interval
    npv_at_2_percent: Interval
    brier: Interval
    ece: Interval
    """Calibration error."""
    ece_if_perfect: float
    """Calibration error that perfect probabilities would show on so few photographs."""


class Parameters(TypedDict):
    """Hyperparameters of a recipe; those of the plan only where layers are fine-tuned."""

    C: float
    """Inverse regularisation strength of the final layer."""
    augmentation: str
    epochs: NotRequired[int]
    rate: NotRequired[float]
    """Largest learning rate of the cycle, no unit."""
    batch: NotRequired[int]
    mixup: NotRequired[float]


class Tried(TypedDict):
    """Hyperparameters that were compared on the train folder."""

    augmentation: str
    C: float
    log_loss_held_out: float


class TrainingData(TypedDict):
    """Photographs of a training."""

    source: str
    """``folder``, ``kaggle`` or ``synthetic``."""
    digest: str
    """SHA-256 over every photograph, hexadecimal."""
    counts: dict[str, dict[str, int]]
    """Photographs by split and class."""
    left_out: int
    """Files that could not be used."""
    colour_profiles: dict[str, int]
    """Photographs by the treatment of their colour profile."""


class TestScores(TypedDict):
    """Scores of a variant on the test folder."""

    auroc: Interval
    sensitivity: Interval
    specificity: Interval
    brier: Interval
    ece: Interval
    labels_unlike_default: int
    """Photographs that the default variant labels otherwise."""


@dataclass
class MeasuredVariant:
    """Evidence for one serving variant, on out-of-fold predictions of the train folder."""

    calibration: OperatingPoint
    auroc: Estimate
    auroc_change: Estimate
    """AUROC minus that of the variant with the highest, on the same photographs."""
    specificity: Estimate
    """At the variant's threshold."""
    ece: Estimate
    """Calibration error."""
    ece_if_perfect: float
    """Calibration error that perfect probabilities would show on so few photographs."""
    forward_ms: float
    """Median milliseconds of one photograph, all orientations, on the machine of the training."""
    accepted: bool
    """Whether AUROC, calibration error and cost are within their limits."""
    why_not: str = ""
    """The limit that it misses."""
    strength: float | None = None
    """Inverse regularisation strength of its final layer."""
    invariance: float | None = None
    """Weight of the penalty on what perturbed photographs change in its features."""
    test: TestScores | None = None
    """Scores on the test folder, read after all choices."""


@dataclass(frozen=True)
class Variants:
    """Serving variants of the archive."""

    order: list[str] = field(default_factory=list)
    """Names in the order of preference; the last is plain TorchScript, which runs everywhere."""
    measured: dict[str, MeasuredVariant] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)
    """Why a variant could not be fitted on the machine of the training."""


@dataclass(frozen=True)
class Review:
    """When a person must review an answer, besides the limits of ``baseline.json``."""

    near_threshold: tuple[float, float]
    """Uncertainty band of the default variant."""


@dataclass(frozen=True)
class Cases:
    """What an answer by ``similar_cases`` shows of the training photographs."""

    shown: str = "labels"
    """``labels`` and distances, or ``thumbnails`` too, where the release's owner chose so."""
    sha256: str = ""
    """SHA-256 of ``thumbnails.json``, hexadecimal; empty without it."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """The model card. Entries of the JSON document have these names, in this order."""

    model_version: str
    """Source of the data, source of the weights, eight digits over all that decides an answer."""
    labels: list[str]
    """Names of class 0 and class 1."""
    threshold: float
    """Probability from which the label is ``cancer``, with the default variant: the first of
    ``variants.order``."""
    temperature: float
    """The log-odds of the default variant are divided by it."""
    prevalence: float | None = None
    """Share of cancers that ``probability`` assumes."""
    review: Review
    preprocessing: dict[str, object] | None = None
    """How bytes become the model's input, in words and numbers."""
    architecture: str | None = None
    finetune: str | None = None
    """Name of the recipe: what was fitted."""
    parameters: Parameters | None = None
    """Hyperparameters of the recipe."""
    tried: list[Tried] | None = None
    """Hyperparameters that were compared on the train folder, with their log loss."""
    data: TrainingData | None = None
    """Photographs of train and test."""
    backbone: dict[str, str] | None = None
    """Source of the pretrained weights, and SHA-256 over them."""
    metrics: Scores | None = None
    """Scores on the test folder, each with a bootstrap 95 % interval."""
    scores: dict[str, Scores] | None = None
    """The same on ``test``, ``test_leak_free``, and cross-validated: ``out_of_sample``."""
    variants: Variants = Variants()
    backends: Backends = Backends()
    cases: Cases = Cases()
    versions: dict[str, str] | None = None
    """Versions of Python and of the packages that affect the numbers."""
    warning: str | None = None

    def operating_point(self, variant: str) -> OperatingPoint:
        """Return temperature, threshold and uncertainty band of a variant.

        Those of the card itself where it lists no variants.
        """
        measured = self.variants.measured.get(variant)
        if measured is not None:
            return measured.calibration
        return OperatingPoint(self.temperature, self.threshold, self.review.near_threshold)

"""Document of ``card.json``: what the model is, how its scores are read, and how good it is.

Serving needs the entries without a default; the others are for readers and reports.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class OperatingPoint:
    """Parameters that turn the log-odds of a backend into a probability, a label and a flag."""

    temperature: float
    """The log-odds are divided by it; fitted on out-of-fold predictions."""
    threshold: float
    """P(cancer) from which the label is ``cancer``."""
    near_threshold: tuple[float, float]
    """Uncertainty band: P(cancer) of answers with the flag ``near_threshold``."""


@dataclass
class MeasuredBackend:
    """Measurements of one backend against plain TorchScript."""

    forward_ms: float | None = None
    """Median milliseconds of one photograph."""
    auroc_loss: float | None = None
    """AUROC of plain TorchScript minus that of the backend."""
    labels_changed: int | None = None
    """Labels changed among ``photographs``, each backend with its own calibration."""
    largest_difference: float | None = None
    """Largest difference of a probability."""
    photographs: int = 0
    passes: bool = False
    """Whether it keeps the predictions."""
    lacking: str = ""
    """Why it could not be measured on the machine of the training."""
    calibration: OperatingPoint | None = None


@dataclass(frozen=True)
class Backends:
    """Backends of the convolutions."""

    order: list[str] = field(default_factory=list)
    """Names of those that keep the predictions, fastest first."""
    measured: dict[str, MeasuredBackend] = field(default_factory=dict)


@dataclass(frozen=True)
class Review:
    """When a person must review an answer, besides the limits of ``baseline.json``."""

    near_threshold: tuple[float, float]
    """Uncertainty band of plain TorchScript."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """The model card. Entries of the JSON document have these names, in this order."""

    model_version: str
    """Source of the data, source of the weights, eight digits over all that decides an answer."""
    labels: list[str]
    """Names of class 0 and class 1."""
    threshold: float
    """Probability from which the label is ``cancer``, with plain TorchScript."""
    temperature: float
    """The log-odds of plain TorchScript are divided by it."""
    prevalence: float | None = None
    """Share of cancers that ``probability`` assumes."""
    review: Review
    preprocessing: dict[str, Any] | None = None
    """How bytes become the model's input, in words and numbers."""
    architecture: str | None = None
    finetune: str | None = None
    """Name of the recipe: what was fitted."""
    parameters: dict[str, Any] | None = None
    """Hyperparameters of the recipe."""
    tried: list[dict[str, Any]] | None = None
    """Hyperparameters that were compared on the train folder, with their log loss."""
    data: dict[str, Any] | None = None
    """Source, digest over every photograph, count of each class, files left out."""
    backbone: dict[str, str] | None = None
    """Source of the pretrained weights, and SHA-256 over them."""
    metrics: dict[str, Any] | None = None
    """Scores on the test folder, each with a bootstrap 95 % interval."""
    scores: dict[str, Any] | None = None
    """The same on the test folder, without leaks, and cross-validated."""
    backends: Backends = Backends()
    versions: dict[str, str] | None = None
    """Versions of Python and of the packages that affect the numbers."""
    warning: str | None = None

    def operating_point(self, backend: str) -> OperatingPoint:
        """Return temperature, threshold and uncertainty band of a backend.

        Those of plain TorchScript where it has no others: half precision on a GPU rounds far less
        than they resolve.
        """
        measured = self.backends.measured.get(backend)
        if measured is not None and measured.calibration is not None:
            return measured.calibration
        return OperatingPoint(self.temperature, self.threshold, self.review.near_threshold)

"""Fields of an answer as every client gets them: those of ``docs/reference/openapi.yaml``."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict


class Prediction(TypedDict):
    """Answer for one photograph."""

    label: str
    probability: float
    """Calibrated P(cancer)."""
    threshold: float
    """P(cancer) from which the label is ``cancer``."""
    review: bool
    """Whether a person must look."""
    reasons: list[str]
    model_version: str
    variant: str
    box: list[float]
    """Part of the photograph that the model saw, shares of its sides."""
    risk: float
    """P(cancer) at ``prevalence``."""
    prevalence: float
    """Share of cancers that ``risk`` assumes."""


class Values(TypedDict):
    """Attribution before it was drawn."""

    shape: list[int]
    values: list[list[float]]
    """In units of the logit."""


class AttributionFields(TypedDict):
    """Fields that an attribution map adds to a prediction."""

    method: str
    target: str
    heatmap: str
    """PNG as base64, like ``overlay``."""
    overlay: str
    attribution: Values
    signed: bool
    """Whether the map has two directions."""
    scale: float
    """Attribution of full colour, in units of the logit."""
    steps: int
    convergence_delta: float | None
    """In units of the logit; None for a method without one."""
    lesion_mass: float | None
    """Share of the positive attribution inside a rough outline of the lesion."""


class Case(TypedDict):
    """A training photograph."""

    label: str
    distance: float
    """One minus the cosine similarity of the features, no unit."""
    thumbnail: NotRequired[str]
    """JPEG as base64, where the release's owner chose thumbnails."""


class CasesFields(TypedDict):
    """Fields that similar cases add to a prediction."""

    method: str
    cases: list[Case]
    """Nearest first."""

"""What the service answers (KServe V1), checked field by field before a person reads it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Base64Bytes, BaseModel, Field

Label = Literal["cancer", "no cancer"]
Share = Annotated[float, Field(ge=0, le=1)]


def _png(data: bytes) -> bytes:
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError("no PNG")
    return data


class Prediction(BaseModel):
    """One of ``predictions``."""

    label: Label
    probability: Share
    """Calibrated P(cancer)."""
    threshold: Share
    """The label is ``cancer`` from here up."""
    review: bool
    """Whether a person must look."""
    reasons: list[str]
    """Why one must."""
    model_version: str


class Explanation(Prediction):
    """One of ``explanations``: a prediction and why."""

    method: str
    target: Label
    """The class whose score red regions increased."""
    signed: bool
    """Whether the method tells for from against: red and blue, or violet for both."""
    overlay: Annotated[Base64Bytes, AfterValidator(_png)]
    """PNG, 224 x 224 pixels."""
    scale: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """The attribution that gets the full colour, in the logit's unit."""
    lesion_mass: Share | None
    """Share of the positive attribution inside a rough outline of the lesion."""


class Predictions(BaseModel):
    """Answer to ``:predict`` of one instance."""

    predictions: Annotated[list[Prediction], Field(min_length=1, max_length=1)]


class Explanations(BaseModel):
    """Answer to ``:explain`` of one instance."""

    explanations: Annotated[list[Explanation], Field(min_length=1, max_length=1)]

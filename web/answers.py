"""Responses of the service (KServe V1), validated field by field before they are shown."""

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
    """The label is ``cancer`` from this probability up."""
    review: bool
    """Whether a person must review the photograph."""
    reasons: list[str]
    """Reasons for review."""
    model_version: str


class Explanation(Prediction):
    """One of ``explanations``: a prediction and its explanation."""

    method: str
    target: Label
    """The class whose score red regions increased."""
    signed: bool
    """Whether the map has two directions (red and blue), or one (violet)."""
    overlay: Annotated[Base64Bytes, AfterValidator(_png)]
    """PNG, 224 x 224 pixels."""
    scale: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """The attribution of full colour, in units of the logit."""
    lesion_mass: Share | None
    """Share of the positive attribution inside a rough outline of the lesion."""


class Predictions(BaseModel):
    """Answer to ``:predict`` of one instance."""

    predictions: Annotated[list[Prediction], Field(min_length=1, max_length=1)]


class Explanations(BaseModel):
    """Answer to ``:explain`` of one instance."""

    explanations: Annotated[list[Explanation], Field(min_length=1, max_length=1)]

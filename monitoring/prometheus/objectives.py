"""Objectives and limits, read from ``objectives.yaml`` and validated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

from handlers.protocol import ANSWERS

FILE: Final = Path(__file__).resolve().parent.parent / "objectives.yaml"

BUCKETS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0),
)
"""Upper bucket edges of every histogram, in seconds; TorchServe 0.12 fixes them."""

Ratio = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Window = Annotated[str, Field(pattern=r"^[1-9][0-9]*[mhd]$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Objective(_Strict):
    """Objective of one verb."""

    available: Ratio
    """Share of requests that do not fail."""
    fast: Ratio
    """Share of requests answered within ``seconds``."""
    seconds: float

    @field_validator("seconds")
    @classmethod
    def _is_an_edge(cls, seconds: float) -> float:
        if seconds not in BUCKETS:
            edges = ", ".join(f"{edge:g}" for edge in BUCKETS)
            raise ValueError(f"{seconds:g} s is not an edge of the histogram's buckets: {edges}")
        return seconds

    @property
    def edge(self) -> str:
        """Return ``seconds`` as the label ``le``: Java writes 1.0 where Go would write 1."""
        return str(float(self.seconds))


class BurnRate(_Strict):
    """A pair of windows, and how many times faster than allowed the error budget is used up."""

    long: Window
    short: Window
    factor: float = Field(gt=0, allow_inf_nan=False)
    severity: Literal["page", "ticket"]


class AnswerLimits(_Strict):
    """Limits from which the predictions themselves look wrong."""

    fewest_photographs: int = Field(ge=1)
    """Minimum number of photographs in an hour for a share of them."""
    cancer_difference: Ratio
    """Smallest relevant change of the share of ``cancer``."""
    review_ratio: Ratio
    """Largest share of photographs that a person must review."""


class PerformanceLimits(_Strict):
    """Limits from which the answers seem to have become worse."""

    sensitivity: Ratio
    """Smallest sensitivity."""
    fewest_photographs: int = Field(ge=1)
    """Minimum number of photographs in seven days for an estimate of it."""
    prevalence_factor: float = Field(gt=1, allow_inf_nan=False)
    """Largest ratio of mean risk and stated prevalence, either way."""
    fewest_outcomes: int = Field(ge=1)
    """Minimum number of diagnoses behind a measured figure for an alert on it."""
    outcome_days: int = Field(ge=1, le=14)
    """Days without a single diagnosis, after as many days with answers that could have one; at
    most half of the four weeks that Prometheus keeps."""
    fewest_receipts: int = Field(ge=1)
    """Minimum number of receipts in those earlier days, before the silence is suspicious."""


class ServerLimits(_Strict):
    """Limits from which TorchServe itself looks wrong."""

    error_ratio: Ratio
    """Largest share of its answers that may be 5xx, over 10 minutes."""
    queue_seconds: float = Field(gt=0, allow_inf_nan=False)
    """Longest mean wait for a worker, over 5 minutes."""
    refusals: int = Field(ge=1)
    """Maximum number of requests without a valid key or token within 10 minutes."""
    restarts: int = Field(ge=1)
    """Maximum number of starts of a worker within an hour, after the first."""
    fewest_requests: int = Field(ge=1)
    """Minimum number of requests in an hour of yesterday, before silence is suspicious."""


class Objectives(_Strict):
    """The whole of ``objectives.yaml``."""

    objectives: dict[str, Objective]
    burn_rates: tuple[BurnRate, ...]
    fewest_bad_requests: int = Field(ge=1)
    answers: AnswerLimits
    performance: PerformanceLimits
    server: ServerLimits

    @field_validator("objectives")
    @classmethod
    def _every_verb(cls, objectives: dict[str, Objective]) -> dict[str, Objective]:
        if set(objectives) != set(ANSWERS):
            raise ValueError(
                f"one objective each for {', '.join(ANSWERS)}: {', '.join(objectives)}"
            )
        return objectives

    @property
    def windows(self) -> tuple[str, ...]:
        """Return every window that a burn rate needs, each once, shortest first."""
        minutes = {"m": 1, "h": 60, "d": 1440}
        names = {name for rate in self.burn_rates for name in (rate.long, rate.short)}
        return tuple(sorted(names, key=lambda name: int(name[:-1]) * minutes[name[-1]]))


def load(path: Path = FILE) -> Objectives:
    """Load the objectives of a file; ``pydantic.ValidationError`` names what is wrong."""
    return Objectives.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))

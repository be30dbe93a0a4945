"""Objectives of a load test as data, and the measurements against them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt

FILE: Final = Path(__file__).with_name("objectives.yaml")
FAILED: Final = " failed"
"""Suffix of the name under which Locust counts failed requests of a verb."""
Verb = Literal["predict", "explain"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stage(_Strict):
    """A number of users for a duration."""

    seconds: PositiveFloat
    users: PositiveInt


class Objective(_Strict):
    """Objective of one verb: maximum milliseconds, and maximum share of errors."""

    p50: PositiveFloat
    p95: PositiveFloat
    p99: PositiveFloat
    error_rate: Annotated[float, Field(ge=0, le=1)]


class Shape(_Strict):
    """A sequence of stages, and the objectives over all of them."""

    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    objectives: Annotated[dict[Verb, Objective], Field(min_length=1)]

    @property
    def seconds(self) -> float:
        """Seconds of all stages."""
        return sum(stage.seconds for stage in self.stages)


class Plan(_Strict):
    """Content of a file of objectives."""

    think_seconds: NonNegativeFloat
    """Mean time between an answer and a user's next request."""
    mix: dict[Verb, PositiveInt]
    """Weights of the users by verb."""
    shapes: dict[str, Shape]

    @classmethod
    def read(cls, path: Path = FILE) -> Plan:
        """Read a file; raises pydantic.ValidationError that names the field."""
        return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


class Measured(_Strict):
    """Measurements of one verb."""

    requests: int
    error_rate: float
    """Share of the requests that failed."""
    p50: float | None = None
    """Percentiles in milliseconds of the answered requests; None without any."""
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True)
class Verdict:
    """One objective, and its measurement."""

    verb: str
    name: str
    wanted: float
    found: float | None
    """Measured value; None without a request."""
    errors_within_limit: bool = True
    """Whether the verb's errors are within their limit; if not, latencies of the rest mean
    little."""

    @property
    def met(self) -> bool:
        """Whether the objective is met; not without a measurement or with too many errors."""
        return self.errors_within_limit and self.found is not None and self.found <= self.wanted


def judge(shape: Shape, measured: dict[str, Measured]) -> list[Verdict]:
    """Compare every objective of a shape with Locust's measurements.

    Args:
        shape: stages and objectives.
        measured: measurements by verb.
    """
    verdicts = []
    for verb, objective in shape.objectives.items():
        found = measured.get(verb)
        sound = found is None or found.error_rate <= objective.error_rate
        verdicts += [
            Verdict(verb, name, float(wanted), getattr(found, name, None), sound)
            for name, wanted in objective.model_dump().items()
        ]
    return verdicts

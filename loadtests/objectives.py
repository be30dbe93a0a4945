"""The objectives of a load test as data, and what was measured against them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt

FILE: Final = Path(__file__).with_name("objectives.yaml")
FAILED: Final = " failed"
"""After a verb: what Locust counts the requests under that were not answered."""
Verb = Literal["predict", "explain"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stage(_Strict):
    """Some users for some time."""

    seconds: PositiveFloat
    users: PositiveInt


class Objective(_Strict):
    """Of one verb: at most so many milliseconds, at most such a share of errors."""

    p50: PositiveFloat
    p95: PositiveFloat
    p99: PositiveFloat
    error_rate: Annotated[float, Field(ge=0, le=1)]


class Shape(_Strict):
    """Stages in their order, and what must hold over all of them."""

    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    objectives: Annotated[dict[Verb, Objective], Field(min_length=1)]

    @property
    def seconds(self) -> float:
        """Of all stages."""
        return sum(stage.seconds for stage in self.stages)


class Plan(_Strict):
    """A file of objectives."""

    think_seconds: NonNegativeFloat
    """Mean time between an answer and a user's next request."""
    mix: dict[Verb, PositiveInt]
    """Weights of the users by what they ask for."""
    shapes: dict[str, Shape]

    @classmethod
    def read(cls, path: Path = FILE) -> Plan:
        """Read a file; raises pydantic.ValidationError that names the field."""
        return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Verdict:
    """One objective, and what was measured."""

    verb: str
    name: str
    wanted: float
    found: float | None
    """None where there was no request to measure."""
    errors_within_limit: bool = True
    """Of the same verb; where they are not, the times of the few that were answered mean little."""

    @property
    def met(self) -> bool:
        """Whether it holds; one that was not measured does not, nor one with too many errors."""
        return self.errors_within_limit and self.found is not None and self.found <= self.wanted


def judge(shape: Shape, measured: dict[str, dict[str, Any]]) -> list[Verdict]:
    """Every objective of a shape against what Locust measured.

    Args:
        shape: what was asked for.
        measured: by verb, ``p50``, ``p95``, ``p99`` in milliseconds of the requests that were
            answered, and ``error_rate``.
    """
    verdicts = []
    for verb, objective in shape.objectives.items():
        found = measured.get(verb, {})
        sound = found.get("error_rate", 0.0) <= objective.error_rate
        verdicts += [
            Verdict(verb, name, float(wanted), found.get(name), sound)
            for name, wanted in objective.model_dump().items()
        ]
    return verdicts

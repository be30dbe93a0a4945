"""``thresholds.json``: the calibrated limits of the drift index, as the rules read them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

FILE: Final = Path(__file__).resolve().parent / "thresholds.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class WindowLimit(_Frozen):
    """The limit of one window.

    ``max(conventional, noise_factor * (1 / photographs + 1 / baseline))``
    """

    conventional: float = Field(gt=0)
    """Index below which a change does not matter in practice: 0.1 or 0.25 by custom."""
    noise_factor: float = Field(gt=0)
    """Multiple of the sampling variance that the index reaches by chance alone."""
    min_samples: int = Field(ge=1)
    """Minimum number of photographs in the window."""

    def index(self, photographs: float, baseline: int) -> float:
        """Return the index that counts as drift, for a number of photographs in the window."""
        return max(self.conventional, self.noise_factor * (1 / photographs + 1 / baseline))


class Parameters(_Frozen):
    """Parameters of the calibration."""

    seed: int
    days: int
    """Simulated days."""
    photographs_per_hour: int | float
    features: int
    bins: int
    minutes_between_evaluations: dict[str, int]
    """By window, as all that follows."""
    quantiles: dict[str, float]
    budget_a_day: float
    """False alarms a day, over all features and windows."""


class Rate(_Frozen):
    """A share of days, with its exact 95 % interval."""

    value: float
    low: float
    high: float


class FalseAlarms(_Frozen):
    """Share of days without drift on which an alert fires."""

    photographs_per_hour: int | float
    baseline_photographs: int
    days: int
    rate_a_day: dict[str, Rate]
    """By window, and ``either``."""


class Detection(_Frozen):
    """How soon a shift is found in one window."""

    median_index_of_a_full_window: float
    found_within_a_day: float
    """Share of the trials."""
    median_hours_until_found: float | None
    """None if most trials do not find it."""


class Power(_Frozen):
    """Detection of one feature's shift, by window in the fields besides."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Detection]
    shift_in_standard_deviations: float

    @property
    def windows(self) -> dict[str, Detection]:
        """Return the detection in each window."""
        return self.__pydantic_extra__


class Measured(_Frozen):
    """Measurements of the limits, on days that they were not chosen on."""

    false_alarms: FalseAlarms
    false_alarms_elsewhere: tuple[FalseAlarms, ...]
    """With other traffic, and with a smaller baseline."""
    power: tuple[Power, ...]


class Thresholds(_Frozen):
    """Result of :mod:`monitoring.thresholds`, with its parameters."""

    baseline_photographs: int = Field(ge=1)
    """Photographs behind the resampled baseline; the rules use that of the served model."""
    windows: dict[str, WindowLimit]
    cancer_share_z: float = Field(gt=0)
    """Threshold of the two-proportion test between an hour and the day before, in standard
    errors."""
    parameters: Parameters
    measured: Measured


def load(path: Path = FILE) -> Thresholds:
    """Load the committed thresholds."""
    return Thresholds.model_validate_json(path.read_text(encoding="utf-8"))

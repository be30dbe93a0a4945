"""``thresholds.json``: the calibrated limits of the drift index, as the rules read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

FILE: Final = Path(__file__).resolve().parent / "thresholds.json"


class WindowLimit(BaseModel):
    """The limit of one window.

    ``max(conventional, noise_factor * (1 / photographs + 1 / baseline))``
    """

    model_config = ConfigDict(frozen=True)

    conventional: float = Field(gt=0)
    """Index below which a change does not matter in practice: 0.1 or 0.25 by custom."""
    noise_factor: float = Field(gt=0)
    """Multiple of the sampling variance that the index reaches by chance alone."""
    min_samples: int = Field(ge=1)
    """Minimum number of photographs in the window."""

    def index(self, photographs: float, baseline: int) -> float:
        """Return the index that counts as drift, for a number of photographs in the window."""
        return max(self.conventional, self.noise_factor * (1 / photographs + 1 / baseline))


class Thresholds(BaseModel):
    """Result of :mod:`monitoring.thresholds`, with its parameters."""

    model_config = ConfigDict(frozen=True)

    baseline_photographs: int = Field(ge=1)
    """Photographs behind the resampled baseline; the rules use that of the served model."""
    windows: dict[str, WindowLimit]
    cancer_share_z: float = Field(gt=0)
    """Threshold of the two-proportion test between an hour and the day before, in standard
    errors."""
    parameters: dict[str, Any]
    measured: dict[str, Any]


def load(path: Path = FILE) -> Thresholds:
    """Load the committed thresholds."""
    return Thresholds.model_validate_json(path.read_text(encoding="utf-8"))

"""``thresholds.json``: the calibrated limits of the drift index, as the rules read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

FILE: Final = Path(__file__).resolve().parent / "thresholds.json"


class WindowLimit(BaseModel):
    """The limit of one window: ``max(mark, chance * (1 / photographs + 1 / baseline))``."""

    model_config = ConfigDict(frozen=True)

    mark: float = Field(gt=0)
    """Index below which a change does not matter in practice: 0.1 or 0.25 by custom."""
    chance: float = Field(gt=0)
    """How many times the variance of sampling the index reaches by chance alone."""
    fewest: int = Field(ge=1)
    """Photographs in the window below which nothing is said."""

    def index(self, photographs: float, baseline: int) -> float:
        """The index that is drift, for a number of photographs in the window."""
        return max(self.mark, self.chance * (1 / photographs + 1 / baseline))


class Thresholds(BaseModel):
    """What :mod:`monitoring.thresholds` found, and how."""

    model_config = ConfigDict(frozen=True)

    baseline_photographs: int = Field(ge=1)
    """Behind the baseline that was resampled; the rules take that of the model served."""
    windows: dict[str, WindowLimit]
    cancer_share_z: float = Field(gt=0)
    """Standard errors between the shares of `cancer` of an hour and of the day before."""
    parameters: dict[str, Any]
    measured: dict[str, Any]


def load(path: Path = FILE) -> Thresholds:
    """The committed thresholds."""
    return Thresholds.model_validate_json(path.read_text(encoding="utf-8"))

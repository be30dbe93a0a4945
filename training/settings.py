"""Settings of the training, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from handlers.backends import NAMES


class TrainingSettings(BaseSettings):
    """Where things come from, where they go, and how much of the embedded set is drawn."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    data: Path | None = None
    """Folder in the Kaggle layout; unset: the Kaggle set, else the embedded synthetic set."""

    weights: Path | None = None
    """ResNet-18 state dict; unset: torchvision's ImageNet weights, else an untrained backbone."""

    build: Path = Path("build")
    """What can be made again: the trained model and its summary."""

    cache: Path = Path("build/cache")
    """Features by content, and the drawn set."""

    archive: Path = Path("model_store/model-store")
    """Folder that ``melanoma.mar`` is written to."""

    validation_share: float = Field(default=0.2, gt=0, lt=1, allow_inf_nan=False)
    """Share of the training photographs held out for choosing and calibrating."""

    sensitivity: float = Field(default=0.95, gt=0, le=1, allow_inf_nan=False)
    """Sensitivity on validation data that the threshold is chosen for."""

    synthetic_train: int = Field(default=240, ge=2)
    """Drawn lesions a class for training, where no photographs can be had."""

    synthetic_test: int = Field(default=80, ge=2)
    """Drawn lesions a class for the test."""

    backends: Annotated[tuple[str, ...], NoDecode] = NAMES
    """Ways to run the model that are tried, separated by commas; plain TorchScript always is."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Of everything random: drawing, the untrained backbone, folds, resampling."""

    @field_validator("data", "weights", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("backends", mode="before")
    @classmethod
    def _separated_by_commas(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(name.strip() for name in value.split(",")) if value.strip() else NAMES

    @field_validator("backends")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in NAMES]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no backend; there are: {', '.join(NAMES)}")
        return value

    @property
    def model_folder(self) -> Path:
        """Where the trained model waits to be archived."""
        return self.build / "model"

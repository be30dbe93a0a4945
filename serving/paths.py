"""Paths that commands share, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pathlib import Path

from pydantic import field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class PathSettings(BaseSettings):
    """Paths that several commands share; base class of their settings."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    data: Path | None = None
    """Folder of photographs in the Kaggle layout; unset: the Kaggle set, else the embedded
    synthetic set."""

    weights: Path | None = None
    """ResNet-18 state dict; unset: torchvision's ImageNet weights, else an untrained backbone."""

    cache: Path = Path("build/cache")
    """Cache folder of features, by content, and of the synthetic data set."""

    build: Path = Path("build")
    """Folder of what can be made again: the trained model and its summary, Prometheus' samples."""

    archive: Path = Path("model_store/model-store")
    """Folder of ``melanoma.mar``: TorchServe's model store."""

    config: Path = Path("model_store/config")
    """Folder of ``config.properties`` and ``metrics.yaml``, which are part of a release."""

    reports: Path = Path("reports")
    """Folder of reports and pictures; ``make report`` has one folder per model version there."""

    key_file: Path | None = None
    """File of the API key that is sent to the service; ``make key`` makes it."""

    @field_validator("data", "weights", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

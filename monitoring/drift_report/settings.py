"""Settings of the drift report, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class ReportSettings(BaseSettings):
    """Where things are read from and written to."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    archive: Path = Path("model_store/model-store")
    """Folder of ``melanoma.mar``, the model that photographs are looked at with."""

    reports: Path = Path("reports")
    """The page is written to ``drift/`` below it."""

    prometheus: str = "http://127.0.0.1:9090"
    """Asked for windows of traffic."""

    namespace: str = "local"
    """Label of the traffic."""

    service: str = "melanoma"
    """Label of the traffic."""

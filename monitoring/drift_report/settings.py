"""Settings of the drift report, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class ReportSettings(BaseSettings):
    """Inputs and outputs of the drift report."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    archive: Path = Path("model_store/model-store")
    """Folder of ``melanoma.mar``, the model that the photographs are classified with."""

    reports: Path = Path("reports")
    """Folder of reports; the page is written to ``drift/`` below it."""

    prometheus: str = "http://127.0.0.1:9090"
    """Address of Prometheus, for windows of traffic."""

    namespace: str = "local"
    """Label ``namespace`` of the traffic."""

    service: str = "melanoma"
    """Label ``service`` of the traffic."""

"""Settings of the monitoring, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pydantic_settings import BaseSettings, SettingsConfigDict


class MonitoringSettings(BaseSettings):
    """Settings of the rules that depend on the environment."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    service: str = "melanoma"
    """Value of the label ``service`` that the scrape configuration gives our targets; only the
    alerts on targets (``up``) need it, every other rule goes by our metric names."""

    runbooks: str = "monitoring/runbooks"
    """Base address of the runbook pages, a path in the repository or a URL."""

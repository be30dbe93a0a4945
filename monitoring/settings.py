"""Settings of the monitoring, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pydantic_settings import BaseSettings, SettingsConfigDict


class MonitoringSettings(BaseSettings):
    """What the rules must know about the place they run in."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    service: str = "melanoma"
    """Value of the label ``service`` that the scrape configuration gives our targets; only the
    alerts on targets (``up``) need it, every other rule goes by our metric names."""

    runbooks: str = "monitoring/runbooks"
    """Address that the runbook pages lie under, a path in the repository or a URL."""

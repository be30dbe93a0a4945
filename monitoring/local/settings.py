"""Settings of the local Prometheus and Grafana, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class LocalSettings(BaseSettings):
    """Settings of the stack that ``make monitor`` starts. It listens on ``host`` only."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    """Address of the server's metrics, and of Prometheus and Grafana."""

    metrics_port: int = 8082
    """Port of the server's metrics, as in ``make serve``."""

    prometheus_port: int = 9090
    """Port of Prometheus."""

    grafana_port: int = 3000
    """Port of Grafana."""

    build: Path = Path("build")
    """Folder for samples and dashboards' state, kept so that a restart continues from them."""

    scrape_seconds: int = Field(default=5, ge=1, le=60)
    """Seconds between two scrapes, and between two evaluations of the rules."""

    start_seconds: float = Field(default=60.0, gt=0)
    """Seconds until each must be ready."""

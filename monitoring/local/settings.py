"""Where the local Prometheus and Grafana listen, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class LocalSettings(BaseSettings):
    """Of the stack that ``make monitor`` starts. All of it listens on ``host`` alone."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    """Address of the server's metrics, and of Prometheus and Grafana."""

    metrics_port: int = 8082
    """Where the server's metrics are, as ``make serve`` has it."""

    prometheus_port: int = 9090
    """Prometheus' page and interface."""

    grafana_port: int = 3000
    """Grafana's page."""

    build: Path = Path("build")
    """Samples and dashboards' state are kept below it, so that a restart goes on where it was."""

    scrape_seconds: int = Field(default=5, ge=1, le=60)
    """Between two scrapes, and between two evaluations of the rules."""

    start_seconds: float = Field(default=60.0, gt=0)
    """Until each must be ready."""

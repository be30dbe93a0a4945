"""Settings of rules, drift report and local stack, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pydantic import Field

from serving.paths import PathSettings
from serving.settings import ServingSettings


class MonitoringSettings(PathSettings):
    """Settings of the rules that depend on the environment."""

    service: str = "melanoma"
    """Value of the label ``service`` that the scrape configuration gives our targets; only the
    alerts on targets (``up``) and the drift report need it, every other rule goes by our metric
    names."""

    runbooks: str = "monitoring/runbooks"
    """Base address of the runbook pages, a path in the repository or a URL."""


class ReportSettings(MonitoringSettings):
    """Where the drift report finds the windows of traffic; its page is in ``reports/drift``."""

    prometheus: str = "http://127.0.0.1:9090"
    """Address of Prometheus, for windows of traffic."""

    namespace: str = "local"
    """Label ``namespace`` of the traffic."""


class LocalSettings(ServingSettings):  # type: ignore[misc]  # both are frozen
    """Settings of the stack that ``make monitor`` starts. It listens on ``host`` only."""

    prometheus_port: int = 9090
    """Port of Prometheus."""

    grafana_port: int = 3000
    """Port of Grafana."""

    scrape_seconds: int = Field(default=5, ge=1, le=60)
    """Seconds between two scrapes, and between two evaluations of the rules."""

    start_seconds: float = Field(default=60.0, gt=0)
    """Seconds until each of the two must be ready."""

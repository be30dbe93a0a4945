"""Run Prometheus with the committed rules, scraping servers of this machine."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from monitoring.local.program import Endpoint, LocalError, Program
from monitoring.prometheus import files
from monitoring.query import Series, query
from monitoring.settings import LocalSettings
from serving.front.sockets import host_port

NAMESPACE: Final = "local"
"""Value of the label that is the namespace on a cluster."""


@dataclass(frozen=True)
class Target:
    """One server to scrape."""

    address: str
    """``host:port`` of its metrics."""
    service: str = "melanoma"
    """Value of the label ``service``, the same for all replicas of a service."""


class Prometheus(Program):
    """Prometheus as a context manager; :meth:`query` evaluates expressions."""

    def __init__(self, settings: LocalSettings, targets: Sequence[Target]) -> None:
        """Write the configuration.

        Raises:
            LocalError: there is no prometheus on the PATH.
        """
        program = shutil.which("prometheus")
        if program is None:
            raise LocalError(
                "prometheus is not on the PATH: install Debian's package `prometheus`, or unpack "
                "a release of it and add its folder to the PATH"
            )
        folder = (settings.build / "prometheus").resolve()
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "prometheus.yaml"
        config.write_text(configuration(settings, targets), encoding="utf-8")
        super().__init__(
            "prometheus",
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                # Measured figures read four weeks, and their alert on silence two times two.
                "--storage.tsdb.retention.time=35d",
                f"--web.listen-address={host_port(settings.host, settings.prometheus_port)}",
            ],
            Endpoint(settings.host, settings.prometheus_port, "/-/ready"),
            log=folder / "prometheus.log",
            seconds=settings.start_seconds,
        )

    def query(self, expression: str) -> list[Series]:
        """Evaluate PromQL now; errors are those of :func:`monitoring.query.ask`."""
        return query(self.url, expression)


def configuration(settings: LocalSettings, targets: Sequence[Target]) -> str:
    """Return the configuration file: the committed rules, and the labels that they use."""
    every = f"{settings.scrape_seconds}s"
    document = {
        "global": {
            "scrape_interval": every,
            "scrape_timeout": every,
            "evaluation_interval": every,
        },
        # Recording rules first: alerts read their series.
        "rule_files": [
            str(path) for path in sorted(files.FOLDER.glob("*.yaml"), key=_recording_first)
        ],
        "scrape_configs": [
            {
                "job_name": "lesionlens",
                "static_configs": [
                    {
                        "targets": [target.address],
                        "labels": {"namespace": NAMESPACE, "service": target.service},
                    }
                    for target in targets
                ],
            }
        ],
    }
    return yaml.safe_dump(document, sort_keys=False)


def _recording_first(path: Path) -> tuple[bool, str]:
    return path.name != "recording.yaml", path.name

"""Run Grafana with the committed dashboards, if it is on the PATH."""

from __future__ import annotations

import shutil
from typing import Final

from monitoring.dashboards import files
from monitoring.local.program import Endpoint, Program
from monitoring.settings import LocalSettings

PROVISIONING: Final = files.FOLDER.parent.parent / "grafana" / "provisioning"


def command() -> list[str] | None:
    """Return the program and its home, or None if it is missing (Debian does not have it)."""
    if program := shutil.which("grafana"):
        return [program, "server"]
    return [program] if (program := shutil.which("grafana-server")) else None


def grafana(settings: LocalSettings, program: list[str], prometheus: str) -> Program:
    """Grafana as a context manager: dashboards provisioned, readable without a password.

    It listens on one address of this machine, so only users of this machine can read it.
    """
    folder = (settings.build / "grafana").resolve()
    return Program(
        "grafana",
        program,
        Endpoint(settings.host, settings.grafana_port, "/api/health"),
        log=folder / "grafana.log",
        seconds=settings.start_seconds,
        environment={
            "GF_SERVER_HTTP_ADDR": settings.host,
            "GF_SERVER_HTTP_PORT": str(settings.grafana_port),
            "GF_PATHS_DATA": str(folder / "data"),
            "GF_PATHS_LOGS": str(folder / "logs"),
            "GF_PATHS_PROVISIONING": str(PROVISIONING),
            "GF_AUTH_ANONYMOUS_ENABLED": "true",
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
            "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
            "LESIONLENS_DASHBOARDS": str(files.FOLDER),
            "LESIONLENS_PROMETHEUS_URL": prometheus,
        },
    )

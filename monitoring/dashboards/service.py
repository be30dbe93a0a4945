"""Dashboard *Service*: availability, latency, load, and comparison of model versions."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from handlers.telemetry import (
    REQUEST_SECONDS,
    REQUESTS,
    WORKER_STARTED,
)
from monitoring.dashboards import service_callers, service_server, service_verbs, service_versions
from monitoring.dashboards.frame import Row, Window, build
from monitoring.dashboards.palette import RED
from monitoring.dashboards.panels import PanelSpec, stat_panel
from monitoring.dashboards.promql import (
    by_service,
    quantile,
    rate,
    ratio,
    series,
)
from monitoring.prometheus.objectives import Objectives

UID: Final = "lesionlens-service"


def service(promised: Objectives) -> Dashboard:
    """Build the dashboard, with the limits of the objectives."""
    verbs = [service_verbs.row(verb, kept) for verb, kept in promised.objectives.items()]
    return build(
        UID,
        "LesionLens: Service",
        "Traffic, errors and latency of predictions and explanations, what the server does with "
        "its time, and model versions side by side. Limits come from monitoring/objectives.yaml.",
        Window("now-6h", "30s"),
        [
            _now(promised),
            *verbs,
            service_server.inside(),
            service_callers.row(promised),
            service_server.workers(promised),
            service_versions.row(),
        ],
    )


def _now(promised: Objectives) -> Row:
    failed = series(REQUESTS, 'outcome="failed"')
    strictest = max(kept.available for kept in promised.objectives.values())
    servers = by_service("count", by_service("count", series(WORKER_STARTED), "instance"))
    return Row(
        "At a glance",
        [
            stat_panel(
                PanelSpec(
                    "Requests",
                    "Requests a second of both verbs. 0 means no requests; no data means that "
                    "no server reports.",
                    "reqps",
                    4,
                    height=4,
                ),
                rate("", series(REQUESTS)),
            ),
            stat_panel(
                PanelSpec(
                    "Failed requests",
                    "Share of requests that failed with a server error (5xx). Red: above the "
                    "strictest objective; look at the verb's row for which verb and since when.",
                    "percentunit",
                    4,
                    height=4,
                    limits=((round(1 - strictest, 6), RED),),
                ),
                ratio(rate("", failed), rate("", series(REQUESTS))),
                "no traffic",
            ),
            *(
                stat_panel(
                    PanelSpec(
                        f"{verb.capitalize()}, p95",
                        f"95 of 100 {verb} requests take less in the worker; what they wait for it "
                        f"is apart. Red: above {kept.seconds:g} s; {kept.fast:.0%} must keep it.",
                        "s",
                        4,
                        height=4,
                        limits=((kept.seconds, RED),),
                    ),
                    quantile(0.95, "", REQUEST_SECONDS, f'verb="{verb}"'),
                    "no traffic",
                )
                for verb, kept in promised.objectives.items()
            ),
            stat_panel(
                PanelSpec(
                    "Servers",
                    "Servers that report. Fewer than the replicas you run: one is gone or is not "
                    "scraped.",
                    "short",
                    4,
                    height=4,
                ),
                servers,
                "none",
            ),
            stat_panel(
                PanelSpec(
                    "Worker starts, 1 h",
                    "Times a worker loaded the model again within an hour, over all servers. Above "
                    "0: a worker or its server was killed; see Workers for which one.",
                    "short",
                    4,
                    height=4,
                    limits=((promised.server.restarts, RED),),
                ),
                by_service("sum", f"changes({series(WORKER_STARTED)}[1h])"),
            ),
        ],
    )

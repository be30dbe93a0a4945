"""Dashboard *Service*: availability, latency, load, and comparison of model versions."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from handlers.telemetry import REQUEST_SECONDS, REQUESTS, WORKER_STARTED
from monitoring.dashboards import service_server, service_verbs, service_versions
from monitoring.dashboards.frame import Row, Window, build
from monitoring.dashboards.palette import RED
from monitoring.dashboards.panels import PanelSpec, Query, stat_panel, timeseries_panel
from monitoring.dashboards.promql import by_service, of_server, quantile, rate, ratio, series
from monitoring.prometheus.objectives import Objectives
from monitoring.prometheus.server_alerts import HTTP_RESPONSES

UID: Final = "lesionlens-service"
BY_NAME: Final = "lesionlens_http_requests_by_name_total"
"""Metric of the front with labels ``name`` and ``outcome`` (serving/front/telemetry.py)."""


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
            _callers(promised),
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


def _callers(promised: Objectives) -> Row:
    """Requests by caller, if the front requires a key or token."""
    attempts = of_server(HTTP_RESPONSES, 'status="401"')
    return Row(
        "Callers (no data without access control)",
        [
            timeseries_panel(
                PanelSpec(
                    "Requests by name",
                    "Requests with a valid key or token, by its name; names beyond the first 50 of "
                    "each server are other. A line that ends is a client whose key is no longer "
                    "accepted, or that has stopped.",
                    "reqps",
                    8,
                ),
                Query(rate("name", of_server(BY_NAME)), "{{name}}"),
            ),
            timeseries_panel(
                PanelSpec(
                    "Not answered, by name",
                    "Requests of a name that were rejected (4xx: beyond its rate, not its verb, a "
                    "wrong photograph) or failed (5xx).",
                    "reqps",
                    8,
                ),
                Query(rate("name", of_server(BY_NAME, 'outcome!="answered"')), "{{name}}"),
            ),
            timeseries_panel(
                PanelSpec(
                    "Without a valid key or token",
                    "Requests answered with 401 within 10 minutes. At the red line the alert on "
                    "refusals fires.",
                    "short",
                    8,
                    limits=((promised.server.refusals, RED),),
                ),
                Query(by_service("sum", f"increase({attempts}[10m])"), "401"),
            ),
        ],
    )

"""Dashboard *Service*: requests by caller, if the front requires a key or token."""

from __future__ import annotations

from typing import Final

from monitoring.dashboards.frame import Row
from monitoring.dashboards.palette import RED
from monitoring.dashboards.panels import PanelSpec, Query, timeseries_panel
from monitoring.dashboards.promql import by_service, of_server, rate
from monitoring.prometheus.objectives import Objectives
from monitoring.prometheus.server_alerts import HTTP_RESPONSES

BY_NAME: Final = "lesionlens_http_requests_by_name_total"
"""Metric of the front with labels ``name`` and ``outcome`` (serving/front/telemetry.py)."""


def row(promised: Objectives) -> Row:
    """Row of requests by name, failed requests by name, and requests without a valid key.

    Args:
        promised: limits of the alerts.
    """
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

"""Dashboard *Service*: model versions side by side, for use during a rollout."""

from __future__ import annotations

from handlers.metric import VERSION
from handlers.telemetry import REQUEST_SECONDS, REQUESTS
from monitoring.dashboards.frame import Row
from monitoring.dashboards.panels import PanelSpec, Query, timeseries_panel
from monitoring.dashboards.promql import (
    SERVICE,
    by_service,
    increase,
    quantile,
    rate,
    ratio,
    recorded,
    series,
)
from monitoring.dashboards.tables import compared


def row() -> Row:
    """Row with a table of the last hour, then the same over time."""
    requests, failed = series(REQUESTS), series(REQUESTS, 'outcome="failed"')
    predict = 'verb="predict"'
    cancer = by_service("max", recorded("lesionlens:cancer_ratio:1h"), VERSION)
    photographs = by_service("sum", recorded("lesionlens:predictions:1h"), VERSION)
    errors = ratio(rate(VERSION, failed), rate(VERSION, requests))
    errors_hour = ratio(increase(VERSION, failed, "1h"), increase(VERSION, requests, "1h"))
    buckets = increase(f"{VERSION}, le", series(REQUEST_SECONDS, predict, "_bucket"), "1h")
    name = f"{{{{{VERSION}}}}}"
    return Row(
        "Versions side by side",
        [
            compared(
                PanelSpec(
                    "Versions, last hour",
                    "One line a service and model version. Roll on only if the new one fails no "
                    "more, is no slower, and has enough photographs for its share of cancer to "
                    "mean something.",
                    "short",
                    24,
                    height=6,
                ),
                (SERVICE, VERSION),
                [
                    (Query(increase(VERSION, requests, "1h"), "requests"), "short"),
                    (Query(errors_hour, "failed"), "percentunit"),
                    (Query(f"histogram_quantile(0.95, {buckets})", "predict p95"), "s"),
                    (Query(photographs, "photographs"), "short"),
                    (Query(cancer, "share of cancer"), "percentunit"),
                ],
            ),
            timeseries_panel(
                PanelSpec(
                    "Requests by version",
                    "Who gets the traffic. During a rollout one line falls as the other rises; two "
                    "level lines long after it are a rollout that stopped half-way.",
                    "reqps",
                    6,
                ),
                Query(rate(VERSION, requests), name),
            ),
            timeseries_panel(
                PanelSpec(
                    "Failed by version",
                    "Share of requests that failed. Only the new version's rises: roll back. Both "
                    "rise: it is not the model.",
                    "percentunit",
                    6,
                ),
                Query(errors, name),
            ),
            timeseries_panel(
                PanelSpec(
                    "Predict p95 by version",
                    "A new version's first minutes are slow while it warms up; judge it after ten.",
                    "s",
                    6,
                ),
                Query(quantile(0.95, VERSION, REQUEST_SECONDS, predict), name),
            ),
            timeseries_panel(
                PanelSpec(
                    "Share of cancer by version, 1 h",
                    "Both versions see the same clients, so the shares should agree within "
                    "sampling error; a gap that stays is the model or its threshold.",
                    "percentunit",
                    6,
                ),
                Query(cancer, name),
            ),
        ],
    )

"""Dashboard *Service*: rate, errors and latency of each verb against its objectives."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from handlers.telemetry import REQUEST_SECONDS, REQUESTS
from monitoring.dashboards.frame import Row
from monitoring.dashboards.palette import RED
from monitoring.dashboards.panels import PanelSpec, Query, heatmap_panel, timeseries_panel
from monitoring.dashboards.promql import (
    by_service,
    of_server,
    quantile,
    rate,
    ratio,
    series,
    together,
)
from monitoring.prometheus.objectives import Objective

QUANTILES: Final = (0.5, 0.95, 0.99)
METHODS: Final = ("none", "grad_cam", "integrated_gradients", "several", "unknown")
CAPPED: Final = "10 s means 10 s or more: the histogram ends there."


def row(verb: str, kept: Objective) -> Row:
    """The panels of one verb."""
    of_verb = f'verb="{verb}"'
    every = series(REQUESTS, of_verb)
    failed = series(REQUESTS, f'{of_verb}, outcome="failed"')
    slow = of_server("lesionlens:requests_slow_ratio:rate1h", of_verb)
    buckets = series(REQUEST_SECONDS, of_verb, "_bucket")
    panels: list[Builder[Panel]] = [
        timeseries_panel(
            PanelSpec(
                f"{verb.capitalize()} requests",
                "Requests a second by outcome: ok, refused (client error, 4xx), failed "
                "(ours, 5xx). Much refused: a client sends files that are not photographs.",
                "reqps",
                8,
            ),
            Query(rate("outcome", every), "{{outcome}}"),
            words=("ok", "refused", "failed"),
        ),
        timeseries_panel(
            PanelSpec(
                f"{verb.capitalize()}: failed",
                f"Share of requests that failed. Above the red line ({1 - kept.available:.1%}) the "
                "error budget is spent faster than it comes back.",
                "percentunit",
                8,
                limits=((round(1 - kept.available, 6), RED),),
            ),
            Query(ratio(rate("", failed), rate("", every)), "failed"),
            words=("failed",),
        ),
        timeseries_panel(
            PanelSpec(
                f"{verb.capitalize()}: slower than {kept.seconds:g} s, 1 h",
                f"Share of the last hour's requests slower than the objective, all versions. Above "
                f"the red line ({1 - kept.fast:.0%}) the promise is broken.",
                "percentunit",
                8,
                limits=((round(1 - kept.fast, 6), RED),),
            ),
            Query(by_service("max", slow), verb),
            words=(verb,),
        ),
        timeseries_panel(
            PanelSpec(
                f"{verb.capitalize()} latency",
                f"Time in the handler: half, 95 and 99 of 100 requests are faster. p95 belongs "
                f"below the red line. {CAPPED}",
                "s",
                8,
                limits=((kept.seconds, RED),),
            ),
            *(
                Query(quantile(q, "", REQUEST_SECONDS, of_verb), f"p{100 * q:.0f}")
                for q in QUANTILES
            ),
            words=("p50", "p95", "p99"),
        ),
        heatmap_panel(
            PanelSpec(
                f"{verb.capitalize()} latency, every request",
                "Requests by how long they took, services added up. Two bands are two kinds of "
                "request (methods, cold and warm); a band that climbs is load.",
                "short",
                16,
            ),
            together("le", buckets),
            "s",
        ),
    ]
    if verb == "explain":
        panels += [_by_method(q, kept) for q in QUANTILES]
    return Row(verb.capitalize(), panels)


def _by_method(q: float, kept: Objective) -> Builder[Panel]:
    return timeseries_panel(
        PanelSpec(
            f"Explain by method, p{100 * q:.0f}",
            f"Which method is slow: {100 * q:.0f} of 100 requests with it are faster. The red line "
            f"is the objective of all methods together. {CAPPED}",
            "s",
            8,
            limits=((kept.seconds, RED),),
        ),
        Query(quantile(q, "method", REQUEST_SECONDS, 'verb="explain"'), "{{method}}"),
        words=METHODS,
    )

"""PromQL for the panels: every selector is restricted by the dashboard's variables.

Several services can be chosen, such as a canary alongside the service: every expression except
those of ``together`` keeps them apart.
"""

from __future__ import annotations

from typing import Final

from handlers.metric import VERSION, Metric

STEP: Final = "$__rate_interval"
"""Grafana's window for ``rate``: always longer than the scrape interval."""

SERVICE: Final = "service"
SCOPE: Final = f'namespace="$namespace", {SERVICE}=~"$service"'
CHOSEN: Final = f'{VERSION}=~"$version"'
FEATURE: Final = 'feature=~"$feature"'


def series(metric: Metric, matching: str = "", suffix: str = "") -> str:
    """Select one of our metrics; by version if the metric has that label."""
    chosen = (CHOSEN,) if VERSION in metric.labels else ()
    return _select(metric.name + suffix, *chosen, matching)


def recorded(name: str, matching: str = "") -> str:
    """Select a series that a recording rule keeps per model version."""
    return _select(name, CHOSEN, matching)


def of_server(name: str, matching: str = "") -> str:
    """Select TorchServe's own metric, or a series kept for all versions together.

    TorchServe has a label ``model_version`` too, but of its registry: not the model card's.
    """
    return _select(name, matching)


def rate(by: str, selector: str) -> str:
    """Events a second, summed over the replicas of a service."""
    return by_service("sum", f"rate({selector}[{STEP}])", by)


def increase(by: str, selector: str, window: str = STEP) -> str:
    """Events within a window, summed over the replicas of a service."""
    return by_service("sum", f"increase({selector}[{window}])", by)


def together(by: str, selector: str, window: str = STEP) -> str:
    """Events within a window of all chosen services: for panels that can show only one series."""
    sum_by = f"sum by ({by}) " if by else "sum"
    return f"{sum_by}(increase({selector}[{window}]))"


def by_service(aggregate: str, expr: str, by: str = "") -> str:
    """Aggregate (``sum``, ``max``) by service and by the labels ``by``."""
    return f"{aggregate} by ({', '.join(filter(None, (SERVICE, by)))}) ({expr})"


def ratio(part: str, whole: str) -> str:
    """A ratio; a gap instead of NaN if nothing happened."""
    return f"{part}\n/\n({whole} > 0)"


def mean(by: str, metric: Metric) -> str:
    """Mean of a histogram."""
    total, count = (rate(by, series(metric, suffix=end)) for end in ("_sum", "_count"))
    return ratio(total, count)


def quantile(q: float, by: str, metric: Metric, matching: str = "") -> str:
    """Quantile of a histogram, interpolated within a bucket; at most the last edge."""
    buckets = rate(f"{by}, le" if by else "le", series(metric, matching, "_bucket"))
    return f"histogram_quantile({q:g}, {buckets})"


def _select(name: str, *matchers: str) -> str:
    return f"{name}{{{', '.join((SCOPE, *filter(None, matchers)))}}}"

"""Two windows of traffic from Prometheus: photographs by bin only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
import numpy as np

from handlers.metric import VERSION
from handlers.telemetry import DRIFT_BASELINE, DRIFT_OBSERVATIONS
from monitoring.drift_report.errors import ReportError
from monitoring.query import QueryError, Series, query
from monitoring.settings import ReportSettings

FORM: Final = "START/END, as in 2026-11-20T00:00Z/2026-11-21T00:00Z or -24h/now"
AGO: Final = re.compile(r"-(\d+)([mhd])")
UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Window:
    """A time window."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        """Format to the minute, in UTC."""
        return " to ".join(
            moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
            for moment in (self.start, self.end)
        )


@dataclass(frozen=True)
class Traffic:
    """Counts of a window, by model version and drift feature."""

    counts: dict[str, dict[str, np.ndarray]]
    """Photographs in each bin, shape (bins,)."""


def window_of(text: str, now: datetime) -> Window:
    """Read START/END; either is ISO 8601, ``now``, or a while before now as in ``-24h``.

    Raises:
        ReportError: it is none of these, or ends before it starts.
    """
    parts = text.split("/")
    if len(parts) != 2:
        raise ReportError(f"{text!r} is not a window: write {FORM}")
    start, end = (_moment(part, text, now) for part in parts)
    if start >= end:
        raise ReportError(f"{text!r} ends before it starts: write {FORM}")
    return Window(start, end)


def _moment(text: str, whole: str, now: datetime) -> datetime:
    if text == "now":
        return now
    if ago := AGO.fullmatch(text):
        return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ReportError(f"{text!r} of {whole!r} is not a time: write {FORM}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def traffic_in(window: Window, settings: ReportSettings) -> Traffic:
    """Query Prometheus for a window.

    Raises:
        ReportError: it does not answer, refuses, or counted no photograph then.
    """
    seconds = int((window.end - window.start).total_seconds())
    scope = f'{{namespace="{settings.namespace}", service="{settings.service}"}}'
    by = f"sum by ({VERSION}, feature, bin)"
    found = _query(
        f"{by} (increase({DRIFT_OBSERVATIONS.name}{scope}[{seconds}s]))", window.end, settings
    )
    if not any(series.value > 0 for series in found):
        raise ReportError(
            f"no photograph of {settings.service} in {settings.namespace} was counted from "
            f"{window}: choose another window, or set LESIONLENS_SERVICE and LESIONLENS_NAMESPACE"
        )
    return Traffic(_by_bin(found))


def baseline_at(moment: datetime, settings: ReportSettings) -> Traffic:
    """Query the shares of the training data in each bin, as they were known at a time."""
    scope = f'{{namespace="{settings.namespace}", service="{settings.service}"}}'
    expression = (
        f"max by ({VERSION}, feature, bin) (last_over_time({DRIFT_BASELINE.name}{scope}[30d]))"
    )
    return Traffic(_by_bin(_query(expression, moment, settings)))


def _query(expression: str, moment: datetime, settings: ReportSettings) -> list[Series]:
    try:
        return query(settings.prometheus, expression, time=moment.timestamp())
    except QueryError as error:
        raise ReportError(str(error)) from None
    except (httpx.HTTPError, httpx.InvalidURL, ImportError, ValueError) as error:
        raise ReportError(
            f"no Prometheus answers at {settings.prometheus} ({type(error).__name__}): start it "
            "with `make monitor`, or set LESIONLENS_PROMETHEUS"
        ) from None


def _by_bin(found: list[Series]) -> dict[str, dict[str, np.ndarray]]:
    bins: dict[str, dict[str, dict[int, float]]] = {}
    for series in found:
        labels = series.labels
        feature = bins.setdefault(labels[VERSION], {}).setdefault(labels["feature"], {})
        feature[int(labels["bin"])] = series.value
    return {
        version: {
            feature: np.array([places.get(place, 0.0) for place in range(max(places) + 1)])
            for feature, places in features.items()
        }
        for version, features in bins.items()
    }

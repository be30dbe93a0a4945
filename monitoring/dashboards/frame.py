"""Common parts of the dashboards: variables, links, rows of panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
    Panel,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from handlers.metric import VERSION
from handlers.telemetry import DRIFT_BASELINE, WORKER_STARTED
from monitoring.dashboards.panels import SOURCE
from monitoring.dashboards.promql import SCOPE

TAG: Final = "lesionlens"
KNOWN_BY: Final = WORKER_STARTED.name
"""Metric that every worker reports from its start, so that its labels are complete."""


@dataclass(frozen=True)
class Row:
    """A heading and its panels, from left to right."""

    title: str
    panels: Sequence[Builder[Panel]]
    each: str | None = None
    """Variable for whose values the row is repeated."""


@dataclass(frozen=True)
class Window:
    """The initial time range of a dashboard, and its refresh interval."""

    since: str
    refresh: str


def build(
    uid: str,
    title: str,
    text: str,
    window: Window,
    rows: Sequence[Row],
    extra: Sequence[Builder[VariableModel]] = (),
) -> Dashboard:
    """Build the dashboard; identifiers count panels and headings from 1."""
    builder = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(text)
        .tags([TAG])
        .timezone("browser")
        .time(window.since, "now")
        .refresh(window.refresh)
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("LesionLens")
            .type(DashboardLinkType.DASHBOARDS)
            .icon("dashboard")
            .tags([TAG])
            .include_vars(True)
            .keep_time(True)
        )
        .variables([*_variables(), *extra])
    )
    for row in rows:
        heading = dashboard.Row(row.title)
        builder = builder.with_row(heading.repeat(row.each) if row.each else heading)
        for panel in row.panels:
            builder = builder.with_panel(panel)
    built = builder.build()
    for number, element in enumerate(built.panels or [], start=1):
        element.id_val = number
    return built


def feature() -> Builder[VariableModel]:
    """Variable of the drift features."""
    values = f"label_values({DRIFT_BASELINE.name}{{{SCOPE}}}, feature)"
    return _several(_labels("feature", "Feature", values)).all_value(".+")


def _variables() -> list[Builder[VariableModel]]:
    versions = f"label_values({KNOWN_BY}{{{SCOPE}}}, {VERSION})"
    services = f'label_values({KNOWN_BY}{{namespace="$namespace"}}, service)'
    return [
        dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"),
        _labels("namespace", "Namespace", f"label_values({KNOWN_BY}, namespace)"),
        # No regular expression that matches all: the namespace may contain other
        # TorchServes.
        _several(_labels("service", "Service", services)),
        _several(_labels("version", "Model version", versions)).all_value(".+"),
    ]


def _labels(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


def _several(variable: dashboard.QueryVariable) -> dashboard.QueryVariable:
    everything = VariableOption(selected=True, text=["All"], value=["$__all"])
    return variable.multi(True).include_all(True).current(everything)

"""The kinds of panel, each with a title, a unit and a description of how to read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    table,
    text,
    timeseries,
)
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from monitoring.dashboards.palette import BLUE, CANARY, overrides
from monitoring.dashboards.promql import SERVICE

SERVICE_NAME: Final = f"{{{{{SERVICE}}}}}"
"""Placeholder that Grafana replaces by the label's value."""

SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")

OFF: Final = looks.GraphThresholdsStyleMode.OFF

Limit = tuple[float, str]
"""A value, and the colour from it upwards."""

P = TypeVar(
    "P",
    timeseries.Panel,
    stat.Panel,
    heatmap.Panel,
    bargauge.Panel,
    barchart.Panel,
    table.Panel,
)


@dataclass(frozen=True)
class Query:
    """A PromQL expression and the name of its series."""

    expr: str
    legend: str


@dataclass(frozen=True)
class PanelSpec:
    """Title, description, unit and size of a panel of any kind."""

    title: str
    text: str
    """Description: how an operator reads the panel."""
    unit: str
    """Unit by Grafana's name: ``s``, ``percentunit``, ``reqps``, ``bytes``, ``short``."""
    span: int
    """Width in columns of 24."""
    height: int = 8
    """Height in rows of 30 pixels."""
    limits: Sequence[Limit] = ()
    """Values where the colour changes; blue below the first."""


def timeseries_panel(
    about: PanelSpec, *queries: Query, words: Sequence[str] = (), highest: float | None = None
) -> timeseries.Panel:
    """Panel of series over time; ``words`` choose their colours, limits are dashed lines."""
    named = [Query(query.expr, f"{query.legend} {SERVICE_NAME}") for query in queries]
    panel = described(timeseries.Panel(), about).targets(_targets(named))
    # The palette cannot know the names of versions and servers: coloured by name, they at least
    # keep their colour in all panels.
    by_name = dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME)
    marks = looks.GraphThresholdsStyleMode.DASHED if about.limits else OFF
    panel = (
        panel.color_scheme(by_name)
        .min(0)
        .line_width(2)
        .fill_opacity(5)
        .show_points(looks.VisibilityMode.AUTO)
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(marks))
        .legend(
            common.VizLegendOptions()
            .display_mode(looks.LegendDisplayMode.LIST)
            .placement(looks.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(looks.TooltipDisplayMode.MULTI)
            .sort(looks.SortOrder.DESCENDING)
        )
    )
    if highest is not None:
        panel = panel.max(highest)
    for pattern, look in (*overrides(words), CANARY):
        panel = panel.override_by_regexp(pattern, look)
    return panel


def stat_panel(about: PanelSpec, expr: str, empty: str = "no data") -> stat.Panel:
    """Panel of one current number per service; ``empty`` is shown without a value."""
    return (
        described(stat.Panel(), about)
        .targets(_targets([Query(expr, SERVICE_NAME)], now=True))
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(looks.BigValueColorMode.VALUE)
        .graph_mode(looks.BigValueGraphMode.NONE)
        .no_value(empty)
    )


def heatmap_panel(about: PanelSpec, buckets: str, edges: str) -> heatmap.Panel:
    """Panel of a histogram over time; ``edges`` is the unit of its buckets.

    It can show one series of buckets only: the query adds up the services.
    """
    return (
        described(heatmap.Panel(), about)
        .targets([target(Query(buckets, "{{le}}"), "A").range().format(PromQueryFormat.HEATMAP)])
        .max_data_points(80)  # wider cells contain enough to get a colour
        .calculate(False)
        .color(
            heatmap.HeatmapColorOptions()
            .mode(HeatmapColorMode.SCHEME)
            .scheme("Blues")
            .scale(HeatmapColorScale.EXPONENTIAL)
            .exponent(0.5)
            .steps(32)
        )
        .filter_values(heatmap.FilterValueRange().le(1e-9))
        .show_value(looks.VisibilityMode.NEVER)
        .cell_gap(1)
        .y_axis(heatmap.YAxisConfig().unit(edges))
        .mode(looks.TooltipDisplayMode.SINGLE)
        .show_color_scale(True)
    )


def text_panel(title: str, markdown: str, span: int, height: int) -> text.Panel:
    """Panel of a text in Markdown, for what a reader must know before the figures.

    Args:
        title: of the panel.
        markdown: the text.
        span: width in columns of 24.
        height: in rows of 30 pixels.
    """
    panel = text.Panel().title(title).span(span).height(height)
    return panel.mode(TextMode.MARKDOWN).content(markdown)


def bar_panel(about: PanelSpec, *queries: Query) -> bargauge.Panel:
    """Panel of one bar per query, for the current value."""
    return (
        described(bargauge.Panel(), about)
        .targets(_targets(queries, now=True))
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.FIXED).fixed_color(BLUE))
        .min(0)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .orientation(looks.VizOrientation.HORIZONTAL)
        .display_mode(looks.BarGaugeDisplayMode.BASIC)
    )


def thresholds(limits: Sequence[Limit]) -> dashboard.ThresholdsConfig:
    """Return blue, then the colour of each limit, in place of Grafana's green and red."""
    steps = [Threshold(color=BLUE), *(Threshold(value, colour) for value, colour in limits)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def described(panel: P, about: PanelSpec) -> P:
    """Add title, description, unit and size to a panel."""
    return (
        panel.title(about.title)
        .description(about.text)
        .datasource(SOURCE)
        .unit(about.unit)
        .span(about.span)
        .height(about.height)
        .thresholds(thresholds(about.limits))
    )


def _targets(queries: Sequence[Query], now: bool = False) -> list[Builder[variants.Dataquery]]:
    targets = [target(query, chr(ord("A") + place)) for place, query in enumerate(queries)]
    return [target.instant() if now else target.range() for target in targets]


def target(query: Query, ref: str) -> prometheus.Dataquery:
    """Return a query in Grafana's format; ``ref`` is its letter in the panel."""
    return (
        prometheus.Dataquery()
        .datasource(SOURCE)
        .expr(query.expr)
        .legend_format(query.legend)
        .ref_id(ref)
    )

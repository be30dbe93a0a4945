"""Panels that join several queries into one table, to compare versions or bins."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import barchart, common, dashboard, table
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from monitoring.dashboards.palette import GREY, overrides
from monitoring.dashboards.panels import PanelSpec, Query, described, target


def compared(
    about: PanelSpec, keys: tuple[str, ...], columns: Sequence[tuple[Query, str]]
) -> table.Panel:
    """Table with a line per combination of the labels ``keys`` and a column per query."""
    queries = [query for query, _ in columns]
    panel = (
        described(table.Panel(), about)
        .targets(_now(queries))
        .transformations(_joined(keys, queries))
        .show_header(True)
    )
    for query, unit in columns:
        panel = panel.override_by_name(query.legend, [DynamicConfigValue("unit", unit)])
    return panel


def bins(about: PanelSpec, key: str, *queries: Query) -> barchart.Panel:
    """Bars, one group per value of the label ``key``, one bar per query."""
    panel = (
        described(barchart.Panel(), about)
        .targets(_now(queries))
        .transformations(_joined((key,), queries))
        .x_field(key)
        .min(0)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.FIXED).fixed_color(GREY))
        .fill_opacity(80)
        .bar_width(0.9)
        .group_width(0.8)
        .show_value(looks.VisibilityMode.NEVER)
        .axis_label("share of photographs")
        .legend(
            common.VizLegendOptions()
            .display_mode(looks.LegendDisplayMode.LIST)
            .placement(looks.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    for pattern, look in overrides([query.legend for query in queries]):
        panel = panel.override_by_regexp(pattern, look)
    return panel


def _now(queries: Sequence[Query]) -> list[Builder[variants.Dataquery]]:
    return [
        target(query, chr(ord("A") + place)).instant().format(PromQueryFormat.TABLE)
        for place, query in enumerate(queries)
    ]


def _joined(keys: tuple[str, ...], queries: Sequence[Query]) -> list[DataTransformerConfig]:
    # Grafana names the value columns of several tables "Value #A", "Value #B" after their
    # queries.
    names = {f"Value #{chr(ord('A') + place)}": query.legend for place, query in enumerate(queries)}
    columns = [*keys, *names]
    order = {name: place for place, name in enumerate(columns)}
    # `joinByField` joins by one field; `merge` joins by all common fields, including the
    # timestamp.
    join = (
        DataTransformerConfig("joinByField", options={"byField": keys[0], "mode": "outer"})
        if len(keys) == 1
        else DataTransformerConfig("merge", options={})
    )
    return [
        join,
        DataTransformerConfig("filterFieldsByName", options={"include": {"names": columns}}),
        DataTransformerConfig(
            "organize",
            options={"excludeByName": {}, "indexByName": order, "renameByName": names},
        ),
        DataTransformerConfig("sortBy", options={"fields": {}, "sort": [{"field": keys[-1]}]}),
    ]

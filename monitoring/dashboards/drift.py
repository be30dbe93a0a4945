"""Dashboard *Drift*: whether photographs and predictions still resemble the training data."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from handlers.drift import FEATURES
from handlers.metric import VERSION
from monitoring.dashboards import drift_answers
from monitoring.dashboards.frame import Row, Window, build, feature
from monitoring.dashboards.palette import GREY, RED
from monitoring.dashboards.panels import PanelSpec, Query, stat_panel, timeseries_panel
from monitoring.dashboards.promql import FEATURE, by_service, recorded
from monitoring.dashboards.tables import bins
from monitoring.prometheus.drift_rules import BASELINE
from monitoring.prometheus.objectives import Objectives
from monitoring.threshold_file import Thresholds, WindowLimit

UID: Final = "lesionlens-drift"
LENGTHS: Final = {"1h": "hour", "1d": "day"}
SHORT: Final = {"1h": "1 h", "1d": "1 d"}
VERSION_NAME: Final = f"{{{{{VERSION}}}}}"
"""Placeholder that Grafana replaces by the label's value."""


def drift(promised: Objectives, calibrated: Thresholds) -> Dashboard:
    """Build the dashboard, with the calibrated limits of the index."""
    windows = calibrated.windows
    return build(
        UID,
        "LesionLens: Drift",
        "Population stability index of each drift feature against the training data, and what "
        "the model answers. Limits: monitoring/thresholds.json and monitoring/objectives.yaml.",
        Window("now-7d", "5m"),
        [
            _now(promised, windows),
            Row(
                "Index: how far from the training data",
                [panel for name, limit in windows.items() for panel in _index(name, limit)],
            ),
            drift_answers.answers(promised),
            drift_answers.review(promised),
            Row(
                "Bins of $feature", [*(_bins(name) for name in windows), _behind()], each="feature"
            ),
        ],
        [feature()],
    )


def _now(promised: Objectives, windows: dict[str, WindowLimit]) -> Row:
    figures = [
        stat_panel(
            PanelSpec(
                f"Worst feature against its limit, {SHORT[name]}",
                f"Largest index of the last {LENGTHS[name]} as a share of what chance and custom "
                "allow. From 100 % on the drift alert fires; below, nothing needs to be done.",
                "percentunit",
                6,
                height=4,
                limits=((1, RED),),
            ),
            by_service(
                "max",
                f"\n{_of_feature(f'lesionlens:drift_psi:{name}')}\n/\n"
                f"{_of_feature(f'lesionlens:drift_psi_threshold:{name}')}\n",
            ),
            "too few photographs",
        )
        for name in windows
    ]
    sizes = [
        stat_panel(
            PanelSpec(
                f"Photographs, {SHORT[name]}",
                f"Photographs classified in the last {LENGTHS[name]}; fewer than "
                f"{limit.min_samples} "
                "say nothing about drift.",
                "short",
                3,
                height=4,
            ),
            by_service("sum", recorded(f"lesionlens:predictions:{name}")),
        )
        for name, limit in windows.items()
    ]
    review = stat_panel(
        PanelSpec(
            "To be reviewed, 1 d",
            "Share of the last day's photographs that a person must look at. Red: more than the "
            "model may leave to people.",
            "percentunit",
            6,
            height=4,
            limits=((promised.answers.review_ratio, RED),),
        ),
        by_service("max", recorded("lesionlens:review_ratio:1d")),
        "no photographs",
    )
    return Row("At a glance", [*figures, review, *sizes])


def _index(name: str, limit: WindowLimit) -> list[Builder[Panel]]:
    allowed = by_service("max", _of_feature(f"lesionlens:drift_psi_threshold:{name}"), VERSION)
    samples = by_service("min", _of_feature(f"lesionlens:drift_samples:{name}"), VERSION)
    return [
        timeseries_panel(
            PanelSpec(
                f"Stability index, {SHORT[name]}",
                f"Last {LENGTHS[name]} against training, 0 is the same. Drift is an index above "
                f"the red dashes, which fall to {limit.conventional:g} (grey) the more photographs "
                "there "
                "are; without red dashes they are too few to judge.",
                "none",
                18,
                limits=((limit.conventional, GREY),),
            ),
            Query(_of_feature(f"lesionlens:drift_psi:{name}"), f"{{{{feature}}}} {VERSION_NAME}"),
            Query(allowed, f"limit {VERSION_NAME}"),
            words=(*FEATURES, "limit"),
        ),
        timeseries_panel(
            PanelSpec(
                f"Photographs behind it, {SHORT[name]}",
                f"Below the line ({limit.min_samples}) no index is called drift: a small sample "
                "looks "
                "unlike the training by chance.",
                "short",
                6,
                limits=((limit.min_samples, GREY),),
            ),
            Query(samples, VERSION_NAME),
        ),
    ]


def _bins(name: str) -> Builder[Panel]:
    counted = f"lesionlens:drift_observations:increase{name}"
    bin_total = f"sum by (bin) ({_of_feature(counted)})"
    total = f"sum({_of_feature(counted)})"
    observed = f"{bin_total}\n/ on () group_left ()\n({total} > 0)"
    return bins(
        PanelSpec(
            f"$feature, last {LENGTHS[name]} against training",
            "Bins are the training data's tenths, lowest values left. Bars that pile up at one end "
            "say which way it moved. Choose one service and version: each has separate bins.",
            "percentunit",
            9,
        ),
        "bin",
        Query(observed, "observed"),
        Query(f"avg by (bin) ({_of_feature(BASELINE)})", "training"),
    )


def _behind() -> Builder[Panel]:
    return timeseries_panel(
        PanelSpec(
            "Photographs behind $feature",
            "Photographs in each window. A tenth of 100 is 10, give or take 6: bars of a small "
            "sample are ragged without drift.",
            "short",
            6,
        ),
        *(
            Query(by_service("sum", _of_feature(f"lesionlens:drift_samples:{name}")), short)
            for name, short in SHORT.items()
        ),
        words=tuple(SHORT.values()),
    )


def _of_feature(name: str) -> str:
    return recorded(name, FEATURE)

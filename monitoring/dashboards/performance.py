"""Dashboard *Performance*: how right the answers are, estimated and measured."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from handlers.metric import VERSION
from monitoring.dashboards import measured
from monitoring.dashboards.frame import Row, Window, build
from monitoring.dashboards.palette import GREY, RED
from monitoring.dashboards.panels import (
    PanelSpec,
    Query,
    stat_panel,
    text_panel,
    timeseries_panel,
)
from monitoring.dashboards.promql import SERVICE, by_service, recorded
from monitoring.dashboards.tables import compared
from monitoring.prometheus.objectives import Objectives
from monitoring.prometheus.performance_rules import STATED

UID: Final = "lesionlens-performance"
WINDOWS: Final = {"1d": "1 d", "7d": "7 d"}
VERSION_NAME: Final = f"{{{{{VERSION}}}}}"
"""Placeholder that Grafana replaces by the label's value."""
ASSUMPTIONS: Final = """\
The estimated figures come from **probabilities alone**; no diagnosis is behind them. They hold
only while

- **the probabilities are calibrated** for the photographs that come now. A camera that makes every
  lesion look suspicious moves the estimate, not the truth;
- **there is no concept drift**: a cancer looks as the cancers of the training data do. A kind of
  melanoma that the model misses does *not* lower its estimated sensitivity;
- **the stated prevalence is right** (`LESIONLENS_PREVALENCE`). PPV depends on it most.

How far off they are where an assumption fails is measured: `docs/explanation/performance.md`. Look
at *Drift* first; only diagnoses can prove an answer wrong: see *Measured* below."""


FIGURES: Final = (
    (
        "sensitivity",
        "sensitivity",
        "Share of the expected cancers that are labelled cancer. It falls when photographs get "
        "less clear, not when the model errs with confidence.",
    ),
    (
        "specificity",
        "specificity",
        "Share of the expected benign lesions that are labelled no cancer. The most reliable of "
        "the three: most photographs are benign.",
    ),
    (
        "ppv",
        "PPV",
        "Share of the labels cancer that are expected to be right, at the stated prevalence. "
        "A prevalence stated too low makes it too low by as much.",
    ),
)
"""Name in the rules, title, and how to read it."""


def performance(promised: Objectives) -> Dashboard:
    """Build the dashboard, with the limits of the alerts."""
    limits = promised.performance
    return build(
        UID,
        "LesionLens: Performance",
        "Sensitivity, specificity and PPV estimated from calibrated probabilities, stated for the "
        "operator's prevalence, assuming that calibration holds and that there is no concept "
        "drift; and the same measured by the diagnoses that arrived.",
        Window("now-14d", "5m"),
        [
            Row("What is assumed", [text_panel("Assumptions", ASSUMPTIONS, 24, 7)]),
            Row(
                "Now",
                [
                    *(_now(f"Estimated {title}, 7 d", name, text) for name, title, text in FIGURES),
                    stat_panel(
                        PanelSpec(
                            "Photographs, 7 d",
                            "Photographs behind the estimates of the last seven days; below "
                            f"{limits.fewest_photographs} no alert reads them.",
                            "short",
                            6,
                            height=4,
                        ),
                        by_service("sum", recorded("lesionlens:estimated_photographs:7d")),
                        "no photographs",
                    ),
                ],
            ),
            Row(
                "Estimated, by version",
                [
                    _over_time(*FIGURES[0], limits=((limits.sensitivity, RED),)),
                    *(_over_time(*figure) for figure in FIGURES[1:]),
                ],
            ),
            _groups(limits.fewest_photographs),
            Row("What the estimates rest on", [_prevalence(), _behind(limits.fewest_photographs)]),
            *measured.rows(limits),
        ],
    )


def _now(title: str, name: str, text: str) -> Builder[Panel]:
    return stat_panel(
        PanelSpec(title, text, "percentunit", 6, height=4),
        by_service("min", recorded(f"lesionlens:estimated_{name}:7d")),
        "no photographs",
    )


def _over_time(
    name: str, title: str, text: str, limits: tuple[tuple[float, str], ...] = ()
) -> Builder[Panel]:
    return timeseries_panel(
        PanelSpec(f"Estimated {title}", text, "percentunit", 8, limits=limits),
        *_both(f"lesionlens:estimated_{name}"),
        words=tuple(WINDOWS.values()),
    )


def _groups(fewest: int) -> Row:
    """Row with the figures of each declared group, and the photographs behind them."""
    keys = (SERVICE, VERSION, "attribute", "group")

    def of_each(name: str) -> str:
        return by_service("max", recorded(f"lesionlens:group_estimated_{name}:7d"), by)

    by = ", ".join(keys[1:])
    table = compared(
        PanelSpec(
            "Groups, 7 d",
            "The same by the groups that the operator declares (LESIONLENS_GROUPS), all at one "
            "stated prevalence, although groups differ in it. A group with fewer than "
            f"{fewest} photographs differs from the others by chance.",
            "short",
            24,
            height=9,
        ),
        keys,
        [
            (Query(of_each("photographs"), "photographs"), "short"),
            *((Query(of_each(name), title), "percentunit") for name, title, _ in FIGURES),
            (Query(of_each("prevalence"), "mean risk"), "percentunit"),
        ],
    )
    return Row("By group", [table])


def _prevalence() -> Builder[Panel]:
    return timeseries_panel(
        PanelSpec(
            "Prevalence, stated and expected",
            "The mean risk, and the share of cancers that it assumes (red dashes). Where they "
            "differ, calibration or the stated prevalence is wrong; where they agree, neither is "
            "proved right.",
            "percentunit",
            16,
        ),
        *_both("lesionlens:estimated_prevalence"),
        Query(by_service("max", recorded(STATED), VERSION), f"limit {VERSION_NAME}"),
        words=(*WINDOWS.values(), "limit"),
    )


def _behind(fewest: int) -> Builder[Panel]:
    return timeseries_panel(
        PanelSpec(
            "Photographs behind it",
            f"Photographs in each window. Below {fewest} (line) the estimates jump by chance and "
            "no alert reads them.",
            "short",
            8,
            limits=((fewest, GREY),),
        ),
        *_both("lesionlens:estimated_photographs"),
        words=tuple(WINDOWS.values()),
    )


def _both(name: str) -> list[Query]:
    return [
        Query(recorded(f"{name}:{window}"), f"{short} {VERSION_NAME}")
        for window, short in WINDOWS.items()
    ]

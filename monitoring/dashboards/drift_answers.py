"""Dashboard *Drift*: predictions, each figure with its number of photographs."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from handlers.labels import REASONS
from handlers.metric import VERSION
from handlers.telemetry import PREDICTIONS, PROBABILITY, REVIEW_REASONS
from monitoring.dashboards.frame import Row
from monitoring.dashboards.palette import GREY, RED
from monitoring.dashboards.panels import (
    PanelSpec,
    Query,
    bar_panel,
    heatmap_panel,
    timeseries_panel,
)
from monitoring.dashboards.promql import SERVICE, increase, recorded, series, together
from monitoring.prometheus.objectives import Objectives

EDGES: Final = ("0.05", "0.1", "0.25", "0.5", "0.75", "1.0")
"""The edges of TorchServe's fixed buckets that divide a probability; above 1 there is nothing."""
UP_TO_ONE: Final = 'le=~"0[.].+|1[.]0"'
WINDOWS: Final = {"1h": "1 h", "1d": "1 d"}


def answers(promised: Objectives) -> Row:
    """Panels of the share of cancer, the mean probability, and a histogram."""
    return Row(
        "Answers",
        [
            timeseries_panel(
                PanelSpec(
                    "Share of cancer",
                    "Photographs labelled cancer, of the last hour and day. The hour leaving the "
                    "day's level means other patients, another camera or another threshold.",
                    "percentunit",
                    9,
                ),
                *_both("lesionlens:cancer_ratio"),
                words=tuple(WINDOWS.values()),
            ),
            timeseries_panel(
                PanelSpec(
                    "Mean probability of cancer",
                    "It moves before the share of cancer does, for it needs no photograph to cross "
                    "the threshold.",
                    "percentunit",
                    9,
                ),
                *_both("lesionlens:probability_mean"),
                words=tuple(WINDOWS.values()),
            ),
            _behind(promised, "these figures"),
            heatmap_panel(
                PanelSpec(
                    "Probability over time",
                    "Photographs by calibrated probability of cancer, services added up. Two "
                    "bands, low and high, are usual; weight moving to the middle is a model "
                    "less sure.",
                    "short",
                    15,
                ),
                together("le", series(PROBABILITY, UP_TO_ONE, "_bucket")),
                "percentunit",
            ),
            bar_panel(
                PanelSpec(
                    "Probability, last day",
                    "Photographs by probability of cancer, services added up. The "
                    "steps are TorchServe's, of unequal width: only 5 % wide at the low end.",
                    "short",
                    9,
                ),
                *_steps(),
            ),
        ],
    )


def review(promised: Objectives) -> Row:
    """Panels of how many photographs a person must review, and why."""
    reasons = increase("reason", series(REVIEW_REASONS), "1h")
    photographs = increase("", series(PREDICTIONS), "1h")
    return Row(
        "Review",
        [
            timeseries_panel(
                PanelSpec(
                    "To be reviewed",
                    "Share of photographs that a person must look at. Above the red line people do "
                    "the model's work: see the reasons in the next panel.",
                    "percentunit",
                    9,
                    limits=((promised.answers.review_ratio, RED),),
                ),
                *_both("lesionlens:review_ratio"),
                words=tuple(WINDOWS.values()),
            ),
            timeseries_panel(
                PanelSpec(
                    "Reasons, 1 h",
                    "Share of the hour's photographs with each reason; one may have several. Low "
                    "quality: the camera. Unlike training: another kind of picture. Near "
                    "threshold: the model is unsure. Unstable: mirroring the picture changes the "
                    "label.",
                    "percentunit",
                    9,
                ),
                Query(
                    f"{reasons}\n/ on ({SERVICE}) group_left ()\n({photographs} > 0)", "{{reason}}"
                ),
                words=REASONS,
            ),
            _behind(promised, "the review rate"),
        ],
    )


def _both(name: str) -> list[Query]:
    return [
        Query(recorded(f"{name}:{window}"), f"{short} {{{{{VERSION}}}}}")
        for window, short in WINDOWS.items()
    ]


def _behind(promised: Objectives, what: str) -> Builder[Panel]:
    fewest = promised.answers.fewest_photographs
    return timeseries_panel(
        PanelSpec(
            f"Photographs behind {what}",
            f"Photographs in each window. Where the hour has fewer than {fewest} (line), its "
            "shares jump by chance and no alert reads them.",
            "short",
            6,
            limits=((fewest, GREY),),
        ),
        *_both("lesionlens:predictions"),
        words=tuple(WINDOWS.values()),
    )


def _steps() -> list[Query]:
    def below(edge: str) -> str:
        return together("", series(PROBABILITY, f'le="{edge}"', "_bucket"), "1d")

    first = Query(below(EDGES[0]), f"0 to {float(EDGES[0]):.0%}")
    pairs = pairwise(EDGES)
    rest = [
        Query(f"{below(high)}\n-\n{below(low)}", f"{float(low):.0%} to {float(high):.0%}")
        for low, high in pairs
    ]
    return [first, *rest]

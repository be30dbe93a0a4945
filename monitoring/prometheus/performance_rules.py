"""Performance in PromQL: sensitivity, specificity and PPV from a confusion matrix of counters.

Estimated: each photograph adds its risk to the cancers of its label, and the rest to the benign
ones (:mod:`handlers.performance`). Risks are stated for the operator's prevalence, so the figures
are too.
"""

from __future__ import annotations

from typing import Final

from handlers.metric import Metric
from handlers.performance import EXPECTED_DIAGNOSES, GROUP_EXPECTED_DIAGNOSES, STATED_PREVALENCE
from monitoring.prometheus.drift_rules import MODEL
from monitoring.prometheus.rule import Group, Recording

WINDOWS: Final = ("1d", "7d")
"""Longer than those of drift: few of the photographs are cancers."""
STATED: Final = "lesionlens:stated_prevalence_ratio:last1d"
CANCER: Final = 'label="cancer", diagnosis="cancer"'
BENIGN: Final = 'label="no cancer", diagnosis="no cancer"'


def groups() -> tuple[Group, ...]:
    """Groups of rules: the stated prevalence, then one group per window."""
    # A worker reports it once, when it loads the model; remembered like the drift baseline.
    stated = Recording(STATED, f"max by ({MODEL}) (last_over_time({STATED_PREVALENCE.name}[1d]))")
    return (
        Group("lesionlens-prevalence", (stated,)),
        *(
            Group(f"lesionlens-performance-{window}", (*_estimated(window), *_of_groups(window)))
            for window in WINDOWS
        ),
    )


def _of_groups(window: str) -> tuple[Recording, ...]:
    labels = f"{MODEL}, attribute, group"
    return _estimated(window, GROUP_EXPECTED_DIAGNOSES, "group_", labels)


def _estimated(
    window: str, metric: Metric = EXPECTED_DIAGNOSES, prefix: str = "", labels: str = MODEL
) -> tuple[Recording, ...]:
    matrix = f"lesionlens:{prefix}expected_diagnoses:increase{window}"
    counted = f"increase({metric.name}[{window}])"
    estimated = f"lesionlens:{prefix}estimated"

    def share(name: str, part: str, whole: str) -> Recording:
        # "> 0": without photographs there is no series, where 0 / 0 would be NaN.
        return Recording(
            f"{estimated}_{name}:{window}",
            f"""
            sum without (label, diagnosis) ({matrix}{{{part}}})
              /
            (sum without (label, diagnosis) ({matrix}{{{whole}}}) > 0)
            """,
        )

    return (
        Recording(matrix, f"sum by ({labels}, label, diagnosis) ({counted})"),
        # The risks of a photograph's two diagnoses add up to one.
        Recording(
            f"{estimated}_photographs:{window}",
            f"sum without (label, diagnosis) ({matrix})",
        ),
        share("sensitivity", CANCER, 'diagnosis="cancer"'),
        share("specificity", BENIGN, 'diagnosis="no cancer"'),
        share("ppv", CANCER, 'label="cancer"'),
        share("prevalence", 'diagnosis="cancer"', 'diagnosis=~".+"'),
    )

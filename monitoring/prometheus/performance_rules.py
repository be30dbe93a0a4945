"""Estimated performance in PromQL: sensitivity, specificity and PPV from expected diagnoses.

Each photograph adds its risk to the cancers of its label, and the rest to the benign
ones (:mod:`handlers.performance`). Risks are stated for the operator's prevalence, so the figures
are too.
"""

from __future__ import annotations

from typing import Final

from handlers.metric import Metric
from handlers.performance import EXPECTED_DIAGNOSES, GROUP_EXPECTED_DIAGNOSES, STATED_PREVALENCE
from monitoring.prometheus.drift_rules import MODEL
from monitoring.prometheus.rule import Group, Recording

WINDOWS: Final = ("1d", "7d", "28d")
"""Longer than those of drift: few of the photographs are cancers. The last one is that of the
measured figures (:mod:`monitoring.prometheus.measured_rules`), for a comparison of like with
like."""
STATED: Final = "lesionlens:stated_prevalence_ratio:last1d"
GROUP: Final = f"{MODEL}, attribute, group"
"""Labels that separate the figures of declared groups."""
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


def share(record: str, matrix: str, part: str, whole: str) -> Recording:
    """Record a share of a confusion matrix; no series where the whole is empty.

    Args:
        record: name of the new series.
        matrix: name of the series with the labels ``label`` and ``diagnosis``.
        part: matchers of the cells of the numerator.
        whole: matchers of the cells of the denominator.
    """
    # "> 0": without photographs there is no series, where 0 / 0 would be NaN.
    return Recording(
        record,
        f"""
        sum without (label, diagnosis) ({matrix}{{{part}}})
          /
        (sum without (label, diagnosis) ({matrix}{{{whole}}}) > 0)
        """,
    )


def expected_matrix(window: str, prefix: str = "") -> str:
    """Return the name of the recorded matrix of expected diagnoses, by group with ``group_``."""
    return f"lesionlens:{prefix}expected_diagnoses:increase{window}"


def _of_groups(window: str) -> tuple[Recording, ...]:
    return _estimated(window, GROUP_EXPECTED_DIAGNOSES, "group_", GROUP)


def _estimated(
    window: str, metric: Metric = EXPECTED_DIAGNOSES, prefix: str = "", labels: str = MODEL
) -> tuple[Recording, ...]:
    matrix = expected_matrix(window, prefix)
    counted = f"increase({metric.name}[{window}])"
    estimated = f"lesionlens:{prefix}estimated"

    def figure(name: str, part: str, whole: str) -> Recording:
        return share(f"{estimated}_{name}:{window}", matrix, part, whole)

    return (
        Recording(matrix, f"sum by ({labels}, label, diagnosis) ({counted})"),
        # The risks of a photograph's two diagnoses add up to one.
        Recording(
            f"{estimated}_photographs:{window}",
            f"sum without (label, diagnosis) ({matrix})",
        ),
        figure("sensitivity", CANCER, 'diagnosis="cancer"'),
        figure("specificity", BENIGN, 'diagnosis="no cancer"'),
        figure("ppv", CANCER, 'label="cancer"'),
        figure("prevalence", 'diagnosis="cancer"', 'diagnosis=~".+"'),
    )

"""Alerts on performance that is estimated without diagnoses."""

from __future__ import annotations

from monitoring.prometheus.answer_alerts import WHO
from monitoring.prometheus.objectives import PerformanceLimits
from monitoring.prometheus.performance_rules import STATED
from monitoring.prometheus.rule import Alert, Group

ENOUGH = "lesionlens:estimated_photographs:7d >= "


def groups(limits: PerformanceLimits) -> tuple[Group, ...]:
    """Return the group of alerts: the estimate, and what it rests on."""
    return (Group("lesionlens-performance", (_sensitivity(limits), _prevalence(limits))),)


def _sensitivity(limits: PerformanceLimits) -> Alert:
    return Alert(
        "LesionLensEstimatedSensitivityLow",
        f"""
        lesionlens:estimated_sensitivity:7d < {limits.sensitivity:g}
          and
        {ENOUGH}{limits.fewest_photographs}
        """,
        "ticket",
        f"{WHO}: more cancers than allowed seem to be missed",
        "Of the cancers that the probabilities lead to expect, "
        "{{ $value | humanizePercentage }} were labelled cancer over 7 d; "
        f"{limits.sensitivity:.0%} is the least. No diagnosis is behind this figure.",
        holds="1h",
    )


def _prevalence(limits: PerformanceLimits) -> Alert:
    ratio = f"lesionlens:estimated_prevalence:7d / {STATED}"
    factor = limits.prevalence_factor
    return Alert(
        "LesionLensPrevalenceDoubtful",
        f"""
        ({ratio} > {factor:g} or {ratio} < 1 / {factor:g})
          and
        {ENOUGH}{limits.fewest_photographs}
        """,
        "ticket",
        f"{WHO}: the probabilities contradict the stated prevalence",
        'The mean risk over 7 d is {{ $value | printf "%.2f" }} times the stated prevalence; '
        f"between 1/{factor:g} and {factor:g} is expected. Calibration or the stated prevalence is "
        "wrong, and so are the estimated figures.",
        holds="1h",
    )

"""Alerts on photographs and predictions: drift, the share of cancer, the review rate."""

from __future__ import annotations

from handlers.telemetry import DRIFT_OBSERVATIONS
from monitoring.prometheus.drift_rules import BASELINE, BEHIND, MODEL
from monitoring.prometheus.objectives import AnswerLimits
from monitoring.prometheus.rule import Alert, Group, Severity
from monitoring.threshold_file import Thresholds

WHO = "{{ $labels.service }} ({{ $labels.model_version }})"


def groups(limits: AnswerLimits, thresholds: Thresholds) -> tuple[Group, ...]:
    """Groups of alerts: drift first, then the predictions."""
    drift = (
        _drift("LesionLensDriftCritical", "1h", "page", thresholds),
        _drift("LesionLensDriftWarning", "1d", "ticket", thresholds),
        _baseline_missing(),
    )
    answers = (_cancer_share(limits, thresholds.cancer_share_z), _review_rate(limits))
    return (Group("lesionlens-drift", drift), Group("lesionlens-answers", answers))


def _drift(name: str, window: str, severity: Severity, thresholds: Thresholds) -> Alert:
    conventional = thresholds.windows[window].conventional
    samples = f"lesionlens:drift_samples:{window}"
    behind = (
        f"{{{{ with printf `{samples}"
        "{namespace='%s', service='%s', model_version='%s', feature='%s'}` "
        ".Labels.namespace .Labels.service .Labels.model_version .Labels.feature | query }}"
        '{{ . | first | value | printf "%.0f" }}{{ end }}'
    )
    return Alert(
        name,
        f"lesionlens:drift_psi:{window} > lesionlens:drift_psi_threshold:{window}",
        severity,
        f"{WHO}: {{{{ $labels.feature }}}} of the photographs has drifted",
        "Population stability index of {{ $labels.feature }} against the training data: "
        f'{{{{ $value | printf "%.2f" }}}} (no unit) over {window}, from {behind} photographs; '
        f"drift is above {conventional:g}, or above what chance can reach with so few photographs.",
        labels={"window": window},
    )


def _baseline_missing() -> Alert:
    return Alert(
        "LesionLensBaselineMissing",
        f"""
        count by ({MODEL}, feature) ({DRIFT_OBSERVATIONS.name})
          unless on ({MODEL}, feature)
        ({BASELINE} and on ({MODEL}) {BEHIND})
        """,
        "ticket",
        f"{WHO}: no baseline of {{{{ $labels.feature }}}}, drift cannot be seen",
        "Photographs are counted into {{ $value }} series of {{ $labels.feature }}, but no "
        "baseline of it, with the number of photographs behind it, was scraped within 1 d: its "
        "index is not judged and its drift alerts cannot fire.",
        holds="15m",
    )


def _cancer_share(limits: AnswerLimits, errors: float) -> Alert:
    share, count = "lesionlens:cancer_ratio", "lesionlens:predictions"
    min_samples = limits.fewest_photographs
    now, before = f"{count}:1h", f"({count}:1d offset 1h)"
    then = f"({share}:1d offset 1h)"
    pooled = f"(({share}:1h * {now} + {then} * {before}) / ({now} + {before}))"
    # Two-proportion z test: the difference in standard errors of the pooled share. Small
    # samples have a large error and stay quiet; the counts keep the normal law valid.
    return Alert(
        "LesionLensCancerShareChanged",
        f"""
        ({share}:1h - {then})
          and
        abs({share}:1h - {then}) > {limits.cancer_difference:g}
          and
        abs({share}:1h - {then})
          > {errors:g} * sqrt({pooled} * (1 - {pooled}) * (1 / {now} + 1 / {before}))
          and
        {now} >= {min_samples}
          and
        {before} >= {min_samples}
        """,
        "ticket",
        f"{WHO}: the share of `cancer` has changed",
        "The share of photographs labelled cancer is {{ $value | humanizePercentage }} (as a "
        "difference) above that of the day before, over 1 h; below it where negative. That is "
        f"more than {errors:g} standard errors.",
    )


def _review_rate(limits: AnswerLimits) -> Alert:
    ratio, count = "lesionlens:review_ratio:1h", "lesionlens:predictions:1h"
    # Three standard errors below the observed share: a share that is high by chance causes no
    # alert.
    return Alert(
        "LesionLensReviewRateHigh",
        f"""
        {ratio} - 3 * sqrt({ratio} * (1 - {ratio}) / ({count} >= {limits.fewest_photographs}))
          > {limits.review_ratio:g}
        """,
        "ticket",
        f"{WHO}: too many photographs need review",
        "At least {{ $value | humanizePercentage }} of the photographs were flagged for review "
        f"over 1 h (the observed share less three standard errors); {limits.review_ratio:.0%} is "
        "the limit.",
        holds="15m",
    )

"""Alerts on performance that is measured by diagnoses, and on their absence."""

from __future__ import annotations

from handlers.performance import RECEIPTS
from monitoring.prometheus.answer_alerts import WHO
from monitoring.prometheus.measured_rules import OUTCOMES, WINDOW
from monitoring.prometheus.objectives import PerformanceLimits
from monitoring.prometheus.rule import Alert, Group

TITLES = {"sensitivity": "sensitivity", "ppv": "PPV"}
"""Figures that must not be estimated too high, with their titles."""


def groups(limits: PerformanceLimits) -> tuple[Group, ...]:
    """Return the group of alerts: the measured figure, the estimate against it, and silence."""
    apart = tuple(_apart(figure, limits) for figure in TITLES)
    return (Group("lesionlens-measured", (_sensitivity(limits), *apart, _silence(limits))),)


def _enough(figure: str, limits: PerformanceLimits) -> str:
    return f"lesionlens:measured_{figure}_outcomes:{WINDOW} >= {limits.fewest_outcomes}"


def _sensitivity(limits: PerformanceLimits) -> Alert:
    # Not the corrected value: the measured one is too high where mostly suspicious lesions are
    # diagnosed, so that a low one needs no assumption.
    return Alert(
        "LesionLensMeasuredSensitivityLow",
        f"""
        lesionlens:measured_sensitivity_upper:{WINDOW} < {limits.sensitivity:g}
          and
        {_enough("sensitivity", limits)}
        """,
        "ticket",
        f"{WHO}: diagnoses show that more cancers than allowed are missed",
        "At most {{ $value | humanizePercentage }} (upper end of the 95 % interval) of the cancers "
        f"diagnosed over {WINDOW} had been labelled cancer; {limits.sensitivity:.0%} is the least. "
        "Where mostly suspicious lesions are diagnosed the true share is lower still.",
        holds="1h",
    )


def _apart(figure: str, limits: PerformanceLimits) -> Alert:
    title = TITLES[figure]
    return Alert(
        "LesionLensEstimateTooHigh",
        f"""
        lesionlens:estimated_{figure}:{WINDOW} > lesionlens:measured_{figure}_upper:{WINDOW}
          and
        {_enough(figure, limits)}
          and
        lesionlens:estimated_photographs:{WINDOW} >= {limits.fewest_photographs}
        """,
        "ticket",
        f"{WHO}: the estimated {title} is higher than diagnoses allow",
        f"The {title} estimated over {WINDOW} is {{{{ $value | humanizePercentage }}}}, above the "
        "95 % interval of the measured one. An assumption of the estimate is wrong; do not rely on "
        "it.",
        holds="1h",
        labels={"figure": figure},
    )


def _silence(limits: PerformanceLimits) -> Alert:
    days = f"{limits.outcome_days}d"

    def total(metric: str, offset: str = "") -> str:
        return f"sum by (namespace, service) (increase({metric}[{days}]{offset}))"

    return Alert(
        "LesionLensNoOutcomes",
        f"""
        {total(RECEIPTS.name, f" offset {days}")} >= {limits.fewest_receipts}
          unless
        {total(OUTCOMES)} > 0
        """,
        "ticket",
        f"{{{{ $labels.service }}}}: no diagnosis has arrived within {days}",
        'In the time before, {{ $value | printf "%.0f" }} answers had a receipt with which a '
        f"diagnosis could have been reported; within the last {days} none was. Measured "
        "performance is going blind.",
        holds="1h",
    )

"""Measured performance in PromQL: answers compared with the diagnoses that arrived later.

Each figure has its number of diagnoses and a 95 % Wilson score interval (Wilson, Probable
inference, the law of succession, and statistical inference, 1927). Sensitivity and specificity
have a corrected value as well, because mostly suspicious lesions are diagnosed (Begg and Greenes,
Assessment of diagnostic tests when disease verification is subject to selection bias, 1983).
"""

from __future__ import annotations

from typing import Final

from monitoring.prometheus.drift_rules import MODEL
from monitoring.prometheus.performance_rules import (
    BENIGN,
    CANCER,
    GROUP,
    WINDOWS,
    expected_matrix,
    share,
)
from monitoring.prometheus.rule import Group, Recording

WINDOW: Final = WINDOWS[-1]
"""Four weeks: diagnoses are rare, and come days or weeks after the answer."""
Z: Final = 1.959964
"""Quantile of the normal distribution for intervals of 95 %."""
FIGURES: Final = {
    "sensitivity": (CANCER, 'diagnosis="cancer"'),
    "specificity": (BENIGN, 'diagnosis="no cancer"'),
    "ppv": (CANCER, 'label="cancer"'),
}
"""Cells of the numerator and of the denominator."""
CORRECTED: Final = ("sensitivity", "specificity")
"""Figures that verification bias distorts: PPV is a share of lesions with the same answer."""
OUTCOMES: Final = "lesionlens_outcomes_total"
GROUP_OUTCOMES: Final = "lesionlens_group_outcomes_total"
OUTCOME_PROBABILITIES: Final = "lesionlens_outcome_probabilities_total"
"""Counters of the front (:class:`serving.front.telemetry.FrontMetrics`)."""


def groups() -> tuple[Group, ...]:
    """Groups of rules: by version, by declared group, and calibration by bin."""
    return (
        Group(f"lesionlens-measured-{WINDOW}", _measured(OUTCOMES, "", MODEL)),
        Group(f"lesionlens-group-measured-{WINDOW}", _measured(GROUP_OUTCOMES, "group_", GROUP)),
        Group(f"lesionlens-calibration-{WINDOW}", _calibration()),
    )


def _measured(metric: str, prefix: str, labels: str) -> tuple[Recording, ...]:
    matrix = f"lesionlens:{prefix}outcomes:increase{WINDOW}"
    measured = f"lesionlens:{prefix}measured"
    return (
        # A number of diagnoses: increase() extrapolates by up to a scrape.
        Recording(
            matrix,
            f"round(sum by ({labels}, label, diagnosis) (increase({metric}[{WINDOW}])))",
        ),
        *(
            rule
            for name, (part, whole) in FIGURES.items()
            for rule in (
                Recording(
                    f"{measured}_{name}_outcomes:{WINDOW}",
                    f"sum without (label, diagnosis) ({matrix}{{{whole}}})",
                ),
                share(f"{measured}_{name}:{WINDOW}", matrix, part, whole),
                *_wilson(f"{measured}_{name}"),
            )
        ),
        *_corrected(matrix, prefix),
    )


def _wilson(name: str) -> tuple[Recording, ...]:
    """Record the bounds of a share from its value and the number behind it."""
    value, count = f"{name}:{WINDOW}", f"{name}_outcomes:{WINDOW}"
    return tuple(
        Recording(
            f"{name}_{bound}:{WINDOW}",
            f"""
            (
              {value} * {count} + {Z**2 / 2:.6f}
                {sign}
              {Z} * sqrt({value} * (1 - {value}) * {count} + {Z**2 / 4:.6f})
            )
              /
            ({count} + {Z**2:.6f})
            """,
        )
        for bound, sign in (("lower", "-"), ("upper", "+"))
    )


def _corrected(matrix: str, prefix: str) -> tuple[Recording, ...]:
    """Record sensitivity and specificity as if each answer had been verified.

    Begg and Greenes: what the diagnosed lesions of an answer were, all lesions of that answer
    would have been. So each row of the matrix is scaled up to the number of its answers.
    """
    answers = f"sum without (diagnosis) ({expected_matrix(WINDOW, prefix)})"
    verified = f"lesionlens:{prefix}verified_outcomes:{WINDOW}"
    whole = f"lesionlens:{prefix}corrected_outcomes:{WINDOW}"
    return (
        Recording(verified, f"sum without (diagnosis) ({matrix})"),
        Recording(f"lesionlens:{prefix}verified_ratio:{WINDOW}", f"{verified} / ({answers} > 0)"),
        # Of an answer without a diagnosis nothing is known, and then of the whole neither.
        Recording(
            whole,
            f"""
            {matrix} * ignoring (diagnosis) group_left () ({answers} / ({verified} > 0))
              and ignoring (label, diagnosis)
            (min without (label) ({verified}) > 0)
            """,
        ),
        *(
            rule
            for name in CORRECTED
            for rule in (
                share(f"lesionlens:{prefix}corrected_{name}:{WINDOW}", whole, *FIGURES[name]),
                # Of groups there are hardly ever enough diagnoses for an interval.
                *(() if prefix else _logit_bounds(name, matrix, verified, answers)),
            )
        ),
    )


def _logit_bounds(figure: str, matrix: str, verified: str, answers: str) -> tuple[Recording, ...]:
    """Record the bounds of a corrected figure, by the delta method on its logit.

    The variance is the sum over both answers of 1 / answers + 1 / diagnosed so - 1 / diagnosed.
    """
    name, (_, diagnosis) = f"lesionlens:corrected_{figure}", FIGURES[figure]
    value, variance = f"{name}:{WINDOW}", f"{name}_variance:{WINDOW}"
    return (
        # An empty cell gives an infinite variance: no bounds.
        Recording(
            variance,
            f"""
            sum without (label, diagnosis) (
              1 / {matrix}{{{diagnosis}}}
                + ignoring (diagnosis) group_left ()
              (1 / ({answers}) - 1 / {verified})
            ) < Inf
            """,
        ),
        *(
            Recording(
                f"{name}_{bound}:{WINDOW}",
                f"{value} / ({value} + (1 - {value}) * exp({sign}{Z} * sqrt({variance})))",
            )
            for bound, sign in (("lower", ""), ("upper", "-"))
        ),
    )


def _calibration() -> tuple[Recording, ...]:
    """Record the share of cancer by bin of the probability, with its interval."""
    counted = f"lesionlens:outcome_probabilities:increase{WINDOW}"
    name = "lesionlens:calibration"
    count = f"{name}_outcomes:{WINDOW}"
    return (
        Recording(
            counted,
            f"round(sum by ({MODEL}, bin, diagnosis) "
            f"(increase({OUTCOME_PROBABILITIES}[{WINDOW}])))",
        ),
        Recording(count, f"sum without (diagnosis) ({counted})"),
        Recording(
            f"{name}:{WINDOW}",
            f"""
            sum without (diagnosis) ({counted}{{diagnosis="cancer"}}) / ({count} > 0)
            """,
        ),
        *_wilson(name),
    )

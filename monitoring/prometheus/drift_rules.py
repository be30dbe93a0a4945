"""Drift in PromQL: the population stability index of each feature, from bins and baseline.

    index = sum over bins of (o - b) * ln(o / b)

with b the share of the training data in a bin and o the share of the photographs in it
(Siddiqi, Credit Risk Scorecards, 2006). It is the symmetrised Kullback-Leibler divergence: 0 for
equal shares, without unit, and by custom 0.1 is worth a look and 0.25 a real change.
"""

from __future__ import annotations

from typing import Final

from handlers.telemetry import BASELINE_PHOTOGRAPHS, DRIFT_BASELINE, DRIFT_OBSERVATIONS
from monitoring.prometheus.rule import Group, Recording
from monitoring.threshold_file import Thresholds

MODEL: Final = "namespace, service, model_version"
"""Labels that separate figures about predictions; replicas are summed."""
WINDOWS: Final = ("1h", "1d")
BASELINE: Final = "lesionlens:drift_baseline_ratio:last1d"
BEHIND: Final = "lesionlens:drift_baseline_photographs:last1d"


def groups(thresholds: Thresholds) -> tuple[Group, ...]:
    """Groups of rules: the baseline first, because the windows read it; then one per window."""
    windows = tuple(Group(f"lesionlens-drift-{w}", _window(w, thresholds)) for w in WINDOWS)
    return (Group("lesionlens-drift-baseline", _baseline()), *windows)


def _baseline() -> tuple[Recording, ...]:
    # Each worker reports its baseline once, when it loads the model. Every replica reports the
    # same, hence max; it is remembered for a day, so that photographs of a removed pod still
    # have an index.
    return tuple(
        Recording(record, f"max by ({by}) (last_over_time({metric.name}[1d]))")
        for record, by, metric in (
            (BASELINE, f"{MODEL}, feature, bin", DRIFT_BASELINE),
            (BEHIND, MODEL, BASELINE_PHOTOGRAPHS),
        )
    )


def _window(window: str, thresholds: Thresholds) -> tuple[Recording, ...]:
    observations = f"lesionlens:drift_observations:increase{window}"
    samples = f"lesionlens:drift_samples:{window}"
    observed = f"lesionlens:drift_observed_ratio:{window}"
    smoothed = f"lesionlens:drift_smoothed_ratio:{window}"
    index = f"lesionlens:drift_psi:{window}"
    limit = thresholds.windows[window]
    return (
        # A bin without a series contains nothing, which is an observation too.
        Recording(
            observations,
            f"""
            sum by ({MODEL}, feature, bin) (increase({DRIFT_OBSERVATIONS.name}[{window}]))
              or
            0 * {BASELINE}
            """,
        ),
        Recording(samples, f"sum without (bin) ({observations})"),
        # "> 0": without photographs there is no series, where 0 / 0 would be NaN.
        Recording(
            observed,
            f"{observations} / on ({MODEL}, feature) group_left () ({samples} > 0)",
        ),
        # Half a photograph more in each bin (Jeffreys' prior): the logarithm of an empty
        # bin would be minus infinity, and one empty bin would decide the whole index.
        Recording(
            smoothed,
            f"""
            ({observations} + 0.5)
              / on ({MODEL}, feature) group_left ()
            (({samples} > 0) + 0.5 * count without (bin) ({BASELINE}))
            """,
        ),
        Recording(
            index,
            f"sum without (bin) (({smoothed} - {BASELINE}) * ln({smoothed} / {BASELINE}))",
        ),
        # What chance alone can reach with so many photographs and this baseline, or the
        # conventional limit if it is higher; no series if there are too few photographs.
        Recording(
            f"lesionlens:drift_psi_threshold:{window}",
            f"""
            clamp_min(
              {limit.noise_factor:g} * (
                1 / ({samples} >= {limit.min_samples})
                  + on ({MODEL}) group_left ()
                1 / {BEHIND}
              ),
              {limit.conventional:g}
            )
            """,
        ),
    )

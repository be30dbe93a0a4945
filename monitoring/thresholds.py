"""Calibrate the drift alerts by resampling: what chance alone does in a day.

The index of n photographs against a baseline of N is, without drift, about (1/n + 1/N) times a
chi-squared variable (Yurdakul & Naranjo, Journal of Risk Model Validation 14(4), 2020), so the
limit is ``max(conventional, noise_factor * (1/n + 1/N))``. ``conventional`` is a convention;
``noise_factor`` is chosen here so that a day without drift stays quiet, then checked on days that
it was not chosen on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from rich.progress import track
from scipy.stats import binomtest

from monitoring import cancer_share
from monitoring.resampling import DAY, MINUTES, STEPS, SimulatedTraffic, drift_index, windows
from monitoring.threshold_file import (
    FILE,
    Detection,
    FalseAlarms,
    Measured,
    Parameters,
    Power,
    Rate,
    Thresholds,
    WindowLimit,
)

SEED: Final = 20
DAYS: Final = 10_000
"""Days drawn to choose the limits, and as many again to measure them."""
OTHER_DAYS: Final = 4_000
BUDGET: Final = 0.01
"""False alarms a day, over all features and both windows."""
QUANTILES: Final = {"1h": 1 - 0.0035, "1d": 1 - 0.0035}
"""Quantiles; the budget is split evenly, and each half keeps 0.15 % back for simulation error."""
CONVENTIONAL: Final = {"1h": 0.25, "1d": 0.1}
MIN_SAMPLES: Final = 100
"""Minimum number of photographs: ten per bin. Simulated photographs are independent; real ones of a
few patients are not."""


def calibrate(days: int = DAYS, seed: int = SEED) -> Thresholds:
    """Choose and measure the limits; equal arguments give equal results."""
    traffic = SimulatedTraffic()
    random = np.random.default_rng(seed)
    peaks = np.array(
        [_peaks(traffic, random) for _ in _progress(range(days), "choosing the limits")]
    )
    limits = {
        window: WindowLimit(
            conventional=CONVENTIONAL[window],
            noise_factor=float(np.ceil(np.quantile(peaks[:, column], QUANTILES[window]))),
            min_samples=MIN_SAMPLES,
        )
        for column, window in enumerate(MINUTES)
    }
    others = (
        SimulatedTraffic(photographs_per_hour=50),
        SimulatedTraffic(photographs_per_hour=1000),
        SimulatedTraffic(baseline_photographs=480),
    )
    other_days = max(days * OTHER_DAYS // DAYS, 1)
    return Thresholds(
        baseline_photographs=traffic.baseline_photographs,
        windows=limits,
        cancer_share_z=cancer_share.calibrate(random, traffic.photographs_per_hour, days // 2),
        parameters=Parameters(
            seed=seed,
            days=days,
            photographs_per_hour=traffic.photographs_per_hour,
            features=traffic.features,
            bins=traffic.bins,
            minutes_between_evaluations=STEPS,
            quantiles=QUANTILES,
            budget_a_day=BUDGET,
        ),
        measured=Measured(
            false_alarms=_false_alarms(traffic, limits, random, days),
            false_alarms_elsewhere=tuple(
                _false_alarms(other, limits, random, other_days) for other in others
            ),
            power=tuple(_power(traffic, limits, random, shift) for shift in (0.5, 1.0)),
        ),
    )


def _peaks(traffic: SimulatedTraffic, random: np.random.Generator) -> list[float]:
    """Return the highest index of a day in each window, in units of (1/n + 1/N)."""
    counts = traffic.minutes(random, traffic.masses(random))
    peaks = []
    for window in MINUTES:
        sums = windows(counts, window)
        photographs = sums[:, :1].sum(axis=-1)
        index = drift_index(sums, traffic.shares)
        scaled = index / (1 / np.maximum(photographs, 1) + 1 / traffic.baseline_photographs)
        peaks.append(float(scaled[photographs[:, 0] >= MIN_SAMPLES].max(initial=0.0)))
    return peaks


def _alarms(
    counts: np.ndarray, window: str, limit: WindowLimit, baseline: int, shares: np.ndarray
) -> np.ndarray:
    """Whether the alert fires, shape (evaluations, features)."""
    sums = windows(counts, window)
    photographs = sums.sum(axis=-1)
    chance = limit.noise_factor * (1 / np.maximum(photographs, 1) + 1 / baseline)
    over = drift_index(sums, shares) > np.maximum(limit.conventional, chance)
    return np.asarray(over & (photographs >= limit.min_samples))


def _false_alarms(
    traffic: SimulatedTraffic,
    limits: dict[str, WindowLimit],
    random: np.random.Generator,
    days: int,
) -> FalseAlarms:
    """Share of days without drift on which an alert fires, with exact 95 % intervals."""
    title = (
        f"false alarms at {traffic.photographs_per_hour:g} an hour, "
        f"baseline {traffic.baseline_photographs}"
    )
    fired = np.zeros((days, len(limits)), dtype=bool)
    for day in _progress(range(days), title):
        counts = traffic.minutes(random, traffic.masses(random))
        for column, (window, limit) in enumerate(limits.items()):
            args = (traffic.baseline_photographs, traffic.shares)
            fired[day, column] = _alarms(counts, window, limit, *args).any()
    either = np.asarray(fired.any(axis=1))
    columns = dict(zip(limits, fired.T, strict=True)) | {"either": either}
    return FalseAlarms(
        photographs_per_hour=traffic.photographs_per_hour,
        baseline_photographs=traffic.baseline_photographs,
        days=days,
        rate_a_day={name: _rate(days_with) for name, days_with in columns.items()},
    )


def _rate(fired: np.ndarray) -> Rate:
    test = binomtest(int(fired.sum()), len(fired))
    interval = test.proportion_ci(0.95, "exact")
    values = (test.statistic, interval.low, interval.high)
    value, low, high = (round(float(value), 5) for value in values)
    return Rate(value=value, low=low, high=high)


def _power(
    traffic: SimulatedTraffic,
    limits: dict[str, WindowLimit],
    random: np.random.Generator,
    shift: float,
) -> Power:
    """Measure the delay of the alert when one feature shifts after a day; 200 trials."""
    found: dict[str, Detection] = {}
    counts = [
        np.concatenate(
            [
                traffic.minutes(random, traffic.masses(random)[:1]),
                traffic.minutes(random, traffic.shifted(shift)),
            ]
        )
        for _ in range(200)
    ]
    for window, limit in limits.items():
        after, delays = DAY // STEPS[window], []
        for trial in counts:
            args = (traffic.baseline_photographs, traffic.shares)
            alarms = _alarms(trial, window, limit, *args)[after:, 0]
            delays.append((alarms.argmax() + 1) * STEPS[window] / 60 if alarms.any() else np.inf)
        full = [drift_index(windows(trial, window)[-1:], traffic.shares)[0, 0] for trial in counts]
        delay = float(np.median(delays))
        found[window] = Detection(
            median_index_of_a_full_window=round(float(np.median(full)), 3),
            found_within_a_day=round(float(np.isfinite(delays).mean()), 3),
            median_hours_until_found=round(delay, 1) if np.isfinite(delay) else None,
        )
    return Power.model_validate({"shift_in_standard_deviations": shift, **found})


def _progress(items: Iterable[int], title: str) -> Iterable[int]:
    return track(items, description=title, transient=True)


def main() -> None:
    """Calibrate and write ``thresholds.json``; raises RuntimeError if the budget is exceeded."""
    found = calibrate()
    rate = found.measured.false_alarms.rate_a_day["either"]
    if rate.high > BUDGET:
        raise RuntimeError(f"false alarms a day: {rate}, more than {BUDGET:.0%}")
    FILE.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
    print(FILE)
    print(f"false alarms a day: {rate.value:.2%} ({rate.low:.2%} to {rate.high:.2%})")

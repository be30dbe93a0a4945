"""Calibrate the alert on the share of `cancer`: its random variation between an hour and a day."""

from __future__ import annotations

from typing import Final

import numpy as np

from monitoring.resampling import DAY, HOUR

SHARES: Final = (0.1, 0.3, 0.5)
"""True shares that are simulated; the worst of them decides."""
RATE: Final = 0.002
"""False alarms a day that this alert may cause, in addition to those of drift."""
BATCH: Final = 200


def calibrate(random: np.random.Generator, photographs_per_hour: float, days: int) -> float:
    """Choose the z threshold of the test in standard errors, rounded up to a tenth."""
    quantiles = [
        np.quantile(
            np.concatenate(
                [
                    peaks(random, share, photographs_per_hour, min(BATCH, days - start))
                    for start in range(0, days, BATCH)
                ]
            ),
            1 - RATE,
        )
        for share in SHARES
    ]
    return float(np.ceil(10 * max(quantiles)) / 10)


def peaks(
    random: np.random.Generator, share: float, photographs_per_hour: float, days: int
) -> np.ndarray:
    """Highest |z| of each day, evaluated every minute, shape (days,).

    Each hour is compared with the 24 hours before it, as in
    :mod:`monitoring.prometheus.answer_alerts`.
    """
    length = 2 * DAY + HOUR
    photographs = random.poisson(photographs_per_hour / HOUR, (days, length))
    cancer = random.binomial(photographs, share)

    def hour_and_day(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        total = np.cumsum(np.pad(counts, ((0, 0), (1, 0))), axis=1)
        ends = np.arange(DAY + HOUR, length + 1)
        starts = ends - HOUR
        return total[:, ends] - total[:, starts], total[:, starts] - total[:, starts - DAY]

    (n1, n0), (k1, k0) = hour_and_day(photographs), hour_and_day(cancer)
    n1, n0 = np.maximum(n1, 1), np.maximum(n0, 1)
    pooled = (k1 + k0) / (n1 + n0)
    error = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-12) * (1 / n1 + 1 / n0))
    return np.asarray((np.abs(k1 / n1 - k0 / n0) / error).max(axis=1))

"""The committed thresholds have the stated false-alarm rate, and a short run agrees."""

import numpy as np
import pytest

from monitoring import cancer_share, threshold_file, thresholds
from monitoring.resampling import DAY, HOUR, SimulatedTraffic, drift_index, windows

COMMITTED = threshold_file.load()


def test_false_alarm_rate_is_within_its_budget() -> None:
    measured = COMMITTED.measured.false_alarms

    assert measured.photographs_per_hour == 200
    assert measured.rate_a_day["either"].high <= 0.01
    for window in ("1h", "1d"):
        assert measured.rate_a_day[window].high <= 0.005


def test_relevant_shift_is_detected_within_a_day() -> None:
    for power in COMMITTED.measured.power:
        assert power.windows["1d"].found_within_a_day > 0.99
    assert COMMITTED.measured.power[1].windows["1h"].found_within_a_day > 0.99


def test_file_round_trip() -> None:
    text = COMMITTED.model_dump_json(indent=2) + "\n"

    assert text == threshold_file.FILE.read_text(encoding="utf-8")


def test_parameters_equal_those_of_the_code() -> None:
    assert COMMITTED.parameters.seed == thresholds.SEED
    assert COMMITTED.parameters.days == thresholds.DAYS
    assert COMMITTED.parameters.quantiles == thresholds.QUANTILES
    assert {
        name: limit.conventional for name, limit in COMMITTED.windows.items()
    } == thresholds.CONVENTIONAL


@pytest.mark.slow
def test_thresholds_depend_little_on_the_seed() -> None:
    first, again, other = (thresholds.calibrate(40, seed) for seed in (1, 1, 2))

    assert first == again
    for window, limit in COMMITTED.windows.items():
        for found in (first, other):
            assert found.windows[window].noise_factor == pytest.approx(limit.noise_factor, rel=0.5)


def test_limit_falls_with_photographs_to_the_conventional_value() -> None:
    limit = COMMITTED.windows["1h"]
    indices = [limit.index(photographs, 1500) for photographs in (100, 200, 1000, 100_000)]

    assert indices == sorted(indices, reverse=True)
    assert indices[0] > indices[-1] == limit.conventional


def test_window_sums_its_samples() -> None:
    counts = np.arange(2 * DAY).reshape(-1, 1, 1)
    hour, day = windows(counts, "1h"), windows(counts, "1d")

    assert hour[0, 0, 0] == 0
    assert hour[HOUR + 9, 0, 0] == counts[10 : HOUR + 10].sum()
    assert day[-1, 0, 0] == counts[-DAY:].sum()


def test_simulated_traffic_has_its_rate_and_bins() -> None:
    random = np.random.default_rng(0)
    traffic = SimulatedTraffic(photographs_per_hour=600)
    masses = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
    counts = traffic.minutes(random, masses)

    assert counts.shape == (DAY, 2, 3)
    assert (counts.sum(axis=2)[:, 0] == counts.sum(axis=2)[:, 1]).all()
    assert counts.sum() / 2 == pytest.approx(14_400, rel=0.05)
    assert counts.sum(axis=0)[0] / counts.sum() * 2 == pytest.approx(masses[0], abs=0.02)


def test_index_without_drift_is_chi_squared() -> None:
    random = np.random.default_rng(0)
    shares, photographs = SimulatedTraffic().shares, 1000
    counts = random.multinomial(photographs, shares, size=4000)

    scaled = drift_index(counts, shares) * photographs

    assert scaled.mean() == pytest.approx(9, rel=0.03)
    assert np.quantile(scaled, 0.95) == pytest.approx(16.92, rel=0.04)


def test_index_of_a_normal_shift_matches_theory() -> None:
    traffic = SimulatedTraffic()
    for deviations in (0.25, 0.5):
        masses = traffic.shifted(deviations)[0]
        index = ((masses - 0.1) * np.log(masses / 0.1)).sum()

        assert masses.sum() == pytest.approx(1)
        # d squared for a normal law (Kullback & Leibler 1951); bins lose a little of it.
        assert 0.9 * deviations**2 < index < deviations**2


def test_z_limit_of_the_cancer_share_is_about_five() -> None:
    random = np.random.default_rng(0)
    peaks = cancer_share.peaks(random, 0.3, 200, 100)

    assert peaks.shape == (100,)
    assert 1.5 < np.median(peaks) < COMMITTED.cancer_share_z < 6

"""The committed thresholds have the stated false-alarm rate, and a short run agrees."""

import numpy as np
import pytest

from monitoring import cancer_share, threshold_file, thresholds
from monitoring.resampling import DAY, HOUR, SimulatedTraffic, drift_index, windows

COMMITTED = threshold_file.load()


def test_the_false_alarm_rate_is_within_its_budget() -> None:
    measured = COMMITTED.measured.false_alarms

    assert measured.photographs_per_hour == 200
    assert measured.rate_a_day["either"].high <= 0.01
    for window in ("1h", "1d"):
        assert measured.rate_a_day[window].high <= 0.005


def test_a_shift_that_matters_is_found_within_a_day() -> None:
    for power in COMMITTED.measured.power:
        assert power.windows["1d"].found_within_a_day > 0.99
    assert COMMITTED.measured.power[1].windows["1h"].found_within_a_day > 0.99


def test_the_file_is_written_as_it_was_read() -> None:
    text = COMMITTED.model_dump_json(indent=2) + "\n"

    assert text == threshold_file.FILE.read_text(encoding="utf-8")


def test_the_parameters_are_those_of_the_code() -> None:
    assert COMMITTED.parameters.seed == thresholds.SEED
    assert COMMITTED.parameters.days == thresholds.DAYS
    assert COMMITTED.parameters.quantiles == thresholds.QUANTILES
    assert {
        name: limit.conventional for name, limit in COMMITTED.windows.items()
    } == thresholds.CONVENTIONAL


@pytest.mark.slow
def test_the_same_seed_gives_the_same_thresholds_and_another_seed_similar_ones() -> None:
    first, again, other = (thresholds.calibrate(40, seed) for seed in (1, 1, 2))

    assert first == again
    for window, limit in COMMITTED.windows.items():
        for found in (first, other):
            assert found.windows[window].noise_factor == pytest.approx(limit.noise_factor, rel=0.5)


def test_the_limit_falls_with_the_photographs_down_to_the_mark() -> None:
    limit = COMMITTED.windows["1h"]
    indices = [limit.index(photographs, 1500) for photographs in (100, 200, 1000, 100_000)]

    assert indices == sorted(indices, reverse=True)
    assert indices[0] > indices[-1] == limit.conventional


def test_a_window_adds_up_what_lies_in_it() -> None:
    counts = np.arange(2 * DAY).reshape(-1, 1, 1)
    hour, day = windows(counts, "1h"), windows(counts, "1d")

    assert hour[0, 0, 0] == 0
    assert hour[HOUR + 9, 0, 0] == counts[10 : HOUR + 10].sum()
    assert day[-1, 0, 0] == counts[-DAY:].sum()


def test_traffic_comes_at_its_rate_and_falls_into_its_bins() -> None:
    random = np.random.default_rng(0)
    traffic = SimulatedTraffic(photographs_per_hour=600)
    masses = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
    counts = traffic.minutes(random, masses)

    assert counts.shape == (DAY, 2, 3)
    assert (counts.sum(axis=2)[:, 0] == counts.sum(axis=2)[:, 1]).all()
    assert counts.sum() / 2 == pytest.approx(14_400, rel=0.05)
    assert counts.sum(axis=0)[0] / counts.sum() * 2 == pytest.approx(masses[0], abs=0.02)


def test_without_drift_the_index_is_that_of_chi_squared() -> None:
    random = np.random.default_rng(0)
    shares, photographs = SimulatedTraffic().shares, 1000
    counts = random.multinomial(photographs, shares, size=4000)

    scaled = drift_index(counts, shares) * photographs

    assert scaled.mean() == pytest.approx(9, rel=0.03)
    assert np.quantile(scaled, 0.95) == pytest.approx(16.92, rel=0.04)


def test_a_shift_of_a_normal_feature_has_the_index_that_theory_says() -> None:
    traffic = SimulatedTraffic()
    for deviations in (0.25, 0.5):
        masses = traffic.shifted(deviations)[0]
        index = ((masses - 0.1) * np.log(masses / 0.1)).sum()

        assert masses.sum() == pytest.approx(1)
        # d squared for a normal law (Kullback & Leibler 1951); bins lose a little of it.
        assert 0.9 * deviations**2 < index < deviations**2


def test_the_z_bound_of_the_share_of_cancer_is_about_five() -> None:
    random = np.random.default_rng(0)
    peaks = cancer_share.peaks(random, 0.3, 200, 100)

    assert peaks.shape == (100,)
    assert 1.5 < np.median(peaks) < COMMITTED.cancer_share_z < 6

"""The drift baseline has the given values, and limits with the stated shares."""

from collections.abc import Mapping

import numpy as np
import pytest

from handlers.drift import FEATURES, STATISTICS, Baseline
from handlers.quality import NAMES as QUALITY
from handlers.reference import Reference
from training import baseline

COUNT = 1000
SPREADS: Mapping[str, tuple[float, float]] = {
    "brightness": (0.6, 0.1),
    "contrast": (0.2, 0.05),
    "sharpness": (-3.0, 0.4),
    "exposure": (0.5, 0.1),
    "focus": (-3.0, 0.5),
}
"""Mean and standard deviation of each; what is clipped is drawn otherwise."""


def drawn(seed: int) -> dict[str, np.ndarray]:
    """What photographs could be like."""
    rng = np.random.default_rng(seed)
    values = {name: rng.normal(*spread, COUNT) for name, spread in SPREADS.items()}
    # Nearly every photograph has nothing that is clipped.
    values["clipped"] = np.where(rng.random(COUNT) < 0.9, 0.0, rng.exponential(0.05, COUNT))
    return values | {"probability": rng.beta(1, 2, COUNT), "distance": rng.gamma(20, 0.05, COUNT)}


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return np.abs(np.random.default_rng(9).normal(size=(COUNT, 32))).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(features: np.ndarray) -> Baseline:
    values = drawn(0)
    statistics = np.stack([values[name] for name in STATISTICS], axis=1)
    labels = np.arange(COUNT) % 2
    return baseline.fit(values["probability"], values["distance"], statistics, features, labels)


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("exposure", 2 * baseline.RARE),
        ("focus", baseline.BEYOND["focus"]),
        ("clipped", baseline.BEYOND["clipped"]),
        ("distance", baseline.BEYOND["distance"]),
    ],
)
def test_the_limits_hold_about_the_shares_stated(fitted: Baseline, name: str, share: float) -> None:
    def beyond(values: np.ndarray) -> float:
        return float(np.mean([fitted.beyond(name, float(value)) for value in values]))

    assert beyond(drawn(0)[name]) == pytest.approx(share, abs=0.0021)
    # Four standard errors on new photographs, of their number and of the limit's; the limit may be
    # that of a single photograph.
    error = 4 * np.sqrt(2 * share / COUNT) + 5 / COUNT
    assert beyond(drawn(1)[name]) == pytest.approx(share, abs=error)


def test_only_what_is_too_far_or_too_poor_is_beyond_a_limit(fitted: Baseline) -> None:
    assert set(fitted.limits) == {"distance", *QUALITY}
    assert fitted.beyond("distance", 1e3)
    assert not fitted.beyond("distance", 0.0)
    assert fitted.beyond("exposure", 0.0)
    assert fitted.beyond("exposure", 1.0)
    assert fitted.beyond("focus", -8.0)
    assert not fitted.beyond("focus", -1.0)
    assert not fitted.beyond("sharpness", -8.0)
    assert fitted.beyond("clipped", 1.0)
    assert not fitted.beyond("clipped", 0.0)
    assert not fitted.beyond("probability", 1.0)


def test_every_drift_feature_has_bins_whose_shares_are_those_of_the_data(fitted: Baseline) -> None:
    values = drawn(0)

    assert set(fitted.drift) == set(FEATURES)
    assert fitted.photographs == COUNT
    for name in FEATURES:
        assert len(fitted.drift[name].edges) == 9
        bins = [int(fitted.bin_of(name, float(value))) for value in values[name]]
        np.testing.assert_allclose(np.bincount(bins) / COUNT, fitted.drift[name].shares)
        assert min(fitted.drift[name].shares) == pytest.approx(0.1, abs=0.002)


def test_the_reference_is_of_the_features_and_labels_given(
    fitted: Baseline, features: np.ndarray
) -> None:
    assert fitted.features == Reference.fit(features, np.arange(COUNT) % 2).encoded()
    assert fitted.features.labels == "01" * (COUNT // 2)


def test_smallest_allowed_data_set_is_enough() -> None:
    rng = np.random.default_rng(0)
    given = baseline.fit(
        rng.random(4),
        rng.random(4),
        rng.random((4, len(STATISTICS))),
        rng.random((4, 512)),
        np.array([0, 0, 1, 1]),
    )

    assert set(given.drift) == set(FEATURES)
    assert all(np.isfinite(given.reference.distance(rng.random((2, 512)))))


def test_a_set_without_anything_clipped_has_a_limit_that_nothing_clipped_is_beyond() -> None:
    rng = np.random.default_rng(0)
    statistics = rng.random((50, len(STATISTICS)))
    statistics[:, STATISTICS.index("clipped")] = 0
    labels = rng.integers(0, 2, 50)
    given = baseline.fit(rng.random(50), rng.random(50), statistics, rng.random((50, 512)), labels)

    assert not given.beyond("clipped", 0.0)
    assert given.beyond("clipped", 0.001)

"""The baseline is what the model says of photographs it has not learned from."""

import numpy as np
import pytest

from handlers.drift import FEATURES, Baseline
from handlers.reference import Reference
from training import baseline, head
from training.calibration import Calibration
from training.dataset import Progress
from training.features import Features

PLAIN = Calibration(temperature=1.0, threshold=0.5, band=(0.4, 0.6))
WEAK = 1.0
"""Hardly any regularisation: a head that memorises what it has seen."""


def noise(count: int, seed: int = 0) -> tuple[Features, np.ndarray]:
    """Features that tell nothing of the label, more of them than photographs."""
    rng = np.random.default_rng(seed)
    views = np.abs(rng.normal(size=(count, 1, 512))) + 0.02 * rng.normal(size=(count, 3, 512))
    statistics = rng.normal((0.6, 0.2, -3), (0.1, 0.05, 0.4), (count, 3))
    labels = rng.permutation(np.arange(count) % 2)
    return Features(views.astype(np.float32), statistics.astype(np.float32)), labels


@pytest.fixture(scope="module")
def memorised(silent: Progress) -> tuple[Baseline, Features, np.ndarray]:
    features, labels = noise(120)
    return baseline.fit(features, labels, WEAK, PLAIN, 0, silent), features, labels


def test_the_probabilities_are_those_of_photographs_held_out(
    memorised: tuple[Baseline, Features, np.ndarray],
) -> None:
    fitted, features, labels = memorised
    seen = PLAIN.probabilities(head.fit(features.views, labels, WEAK).log_odds(features.plain))
    new, _ = noise(120, seed=1)
    unseen = PLAIN.probabilities(head.fit(features.views, labels, WEAK).log_odds(new.plain))

    # The head has learned its own photographs by heart: nothing of them lies in between ...
    assert np.mean((seen > 0.1) & (seen < 0.9)) < 0.05
    # ... and of new ones a good part does, which is what the deciles must show.
    edges = np.array(fitted.edges["probability"])
    assert len(edges) == 9
    assert np.mean((edges > 0.1) & (edges < 0.9)) >= 0.4
    expected = np.quantile(unseen, np.arange(1, 10) / 10)
    assert np.abs(edges - expected).max() < 0.3


def test_the_distances_are_those_of_photographs_held_out(
    memorised: tuple[Baseline, Features, np.ndarray],
) -> None:
    fitted, features, _ = memorised
    reference = Reference.fit(features.plain)
    own, new = reference.distance(features.plain), reference.distance(noise(120, 1)[0].plain)
    middle = fitted.edges["distance"][4]

    assert np.median(own) < np.median(new)
    assert abs(middle - np.median(new)) < abs(middle - np.median(own))


def test_the_limits_hold_about_the_shares_stated(silent: Progress) -> None:
    features, labels = noise(1000)
    few = Features(features.views[..., :40], features.statistics)
    fitted = baseline.fit(few, labels, 0.01, PLAIN, 0, silent)
    statistics = features.statistics

    def beyond(name: str, column: int) -> float:
        values = statistics[:, column]
        return float(np.mean([fitted.beyond(name, float(value)) for value in values]))

    assert beyond("brightness", 0) == pytest.approx(2 * baseline.LOW_QUALITY, abs=0.0025)
    assert beyond("contrast", 1) == pytest.approx(baseline.LOW_QUALITY, abs=0.0025)
    assert beyond("sharpness", 2) == pytest.approx(baseline.LOW_QUALITY, abs=0.0025)
    new = noise(1000, seed=2)[0].plain[:, :40]
    distances = fitted.reference.distance(new)
    share = np.mean([fitted.beyond("distance", float(value)) for value in distances])
    # Three standard errors of 1 % over 1,000 photographs, on either side of the limit, are 1.3 %.
    assert abs(share - baseline.OUT_OF_THE_ORDINARY) < 0.0135


def test_only_what_is_too_far_or_too_poor_is_beyond_a_limit(
    memorised: tuple[Baseline, Features, np.ndarray],
) -> None:
    fitted, _, _ = memorised

    assert set(fitted.limits) == {"distance", "brightness", "contrast", "sharpness"}
    assert fitted.beyond("distance", 1e3)
    assert not fitted.beyond("distance", 0.0)
    assert fitted.beyond("brightness", 0.0)
    assert fitted.beyond("brightness", 1.0)
    assert fitted.beyond("contrast", 0.0)
    assert not fitted.beyond("contrast", 0.5)
    assert fitted.beyond("sharpness", -8.0)
    assert not fitted.beyond("sharpness", -1.0)
    assert not fitted.beyond("probability", 1.0)


def test_every_drift_feature_has_bins_whose_shares_are_those_of_the_data(
    memorised: tuple[Baseline, Features, np.ndarray],
) -> None:
    fitted, features, _ = memorised

    for name in FEATURES:
        assert sum(fitted.shares[name]) == pytest.approx(1)
        assert len(fitted.shares[name]) == len(fitted.edges[name]) + 1
        assert min(fitted.shares[name]) > 0
    for column, name in enumerate(("brightness", "contrast", "sharpness")):
        bins = [int(fitted.bin_of(name, float(v))) for v in features.statistics[:, column]]
        np.testing.assert_allclose(np.bincount(bins) / len(bins), fitted.shares[name])


def test_it_is_decided_by_the_seed_and_the_reference_is_of_all_photographs(
    memorised: tuple[Baseline, Features, np.ndarray],
) -> None:
    fitted, features, labels = memorised
    calls: list[tuple[str, int, int]] = []
    again, other = (
        baseline.fit(features, labels, WEAK, PLAIN, seed, lambda *call: calls.append(call))
        for seed in (0, 1)
    )

    assert again.to_json() == fitted.to_json()
    assert other.edges["probability"] != fitted.edges["probability"]
    assert other.edges["brightness"] == fitted.edges["brightness"]
    assert fitted.reference.to_json() == Reference.fit(features.plain).to_json()
    assert calls == [("baseline", number, 5) for number in range(1, 6)] * 2


@pytest.mark.parametrize("cancers", [4, 10])
def test_as_few_photographs_as_a_data_set_may_hold_are_enough(
    silent: Progress, cancers: int
) -> None:
    features, _ = noise(4 + cancers)
    labels = np.array([0] * 4 + [1] * cancers)

    fitted = baseline.fit(features, labels, 0.01, PLAIN, 0, silent)
    assert set(fitted.edges) == set(FEATURES)

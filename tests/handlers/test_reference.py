"""Distance to the training features."""

import json

import numpy as np
import pytest

from handlers.reference import Reference

WIDTH = 512


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """Gaussian, a few directions far wider than the rest, as features of a network are."""
    random = np.random.default_rng(0)
    spread = np.concatenate([np.linspace(12, 4, 20), np.full(WIDTH - 20, 0.5)])
    turned = np.linalg.qr(random.normal(size=(WIDTH, WIDTH)))[0]
    return (3 + random.normal(size=(1600, WIDTH)) * spread @ turned).astype(np.float32)


@pytest.fixture(scope="module")
def reference(features: np.ndarray) -> Reference:
    return Reference.fit(features[:800])


def test_the_model_holds_what_it_says(reference: Reference) -> None:
    assert reference.mean.shape == (WIDTH,)
    assert reference.axes.shape == (32, WIDTH)
    assert reference.variances.shape == (32,)
    assert np.allclose(reference.axes @ reference.axes.T, np.eye(32), atol=1e-4)
    assert (np.diff(reference.variances) <= 0).all()
    assert reference.variances[-1] >= reference.rest > 0


def test_a_photograph_like_the_training_data_is_about_one_away(
    reference: Reference, features: np.ndarray
) -> None:
    seen, new = reference.distance(features[:800]), reference.distance(features[800:])

    assert seen.shape == (800,)
    assert seen.mean() == pytest.approx(1, abs=0.05)
    # Never seen, and no further away: hundreds of photographs are enough.
    assert new.mean() == pytest.approx(1, abs=0.05)
    assert new.std() < 0.1


def test_the_mean_is_at_no_distance(reference: Reference) -> None:
    assert reference.distance(reference.mean[None, :]) == pytest.approx([0], abs=1e-6)


def test_a_step_along_a_narrow_direction_counts_for_more(reference: Reference) -> None:
    wide, narrow = reference.axes[0], reference.axes[19]

    far = reference.distance(reference.mean + 40 * np.stack([wide, narrow]))

    assert far[1] > 2 * far[0]
    # Mahalanobis along an axis: the step in standard deviations, over the root of the width.
    deviations = 40 / np.sqrt(reference.variances[[0, 19]] * WIDTH)
    assert far == pytest.approx(deviations, rel=1e-3)


def test_a_step_out_of_the_known_directions_counts_too(
    reference: Reference, features: np.ndarray
) -> None:
    out = np.random.default_rng(5).normal(size=WIDTH)
    out -= reference.axes.T @ (reference.axes @ out)
    out /= np.linalg.norm(out)

    far = reference.distance((reference.mean + 30 * out)[None, :])

    assert far == pytest.approx([30 / np.sqrt(reference.rest * WIDTH)], rel=1e-3)
    assert far[0] > reference.distance(features[800:]).max()


def test_the_order_of_the_photographs_does_not_matter(
    reference: Reference, features: np.ndarray
) -> None:
    shuffled = Reference.fit(np.random.default_rng(1).permutation(features[:800]))

    new = features[800:900]
    assert shuffled.distance(new) == pytest.approx(reference.distance(new), rel=1e-4)


def test_each_row_is_measured_alone(reference: Reference, features: np.ndarray) -> None:
    together = reference.distance(features[800:808])
    alone = [reference.distance(row[None, :])[0] for row in features[800:808]]

    assert together.tolist() == alone


def test_json_there_and_back_keeps_six_digits(reference: Reference, features: np.ndarray) -> None:
    text = json.dumps(reference.to_json(), allow_nan=False)

    after = Reference.from_json(json.loads(text))

    assert json.dumps(after.to_json()) == text
    new = features[800:900]
    assert after.distance(new) == pytest.approx(reference.distance(new), rel=1e-4)


@pytest.mark.parametrize("count", [3, 5, 40])
def test_a_handful_of_photographs_is_enough_to_fit(count: int, features: np.ndarray) -> None:
    reference = Reference.fit(features[:count])

    assert len(reference.axes) <= count - 2
    assert np.isfinite(reference.distance(features)).all()


def test_features_that_never_vary_give_finite_distances() -> None:
    constant = np.ones((20, WIDTH))

    reference = Reference.fit(constant)

    assert reference.distance(constant) == pytest.approx(np.zeros(20))
    assert np.isfinite(reference.distance(constant + 1)).all()

"""Test the distance to the training features."""

import dataclasses
import json

import numpy as np
import pytest

from handlers.documents import parse, to_json
from handlers.reference import KEPT, NEIGHBOUR, EncodedFeatures, Reference

WIDTH = 512


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """Features like those of a network: a mean, and a few directions of large variance."""
    random = np.random.default_rng(0)
    spread = np.concatenate([np.linspace(1.2, 0.4, 20), np.full(WIDTH - 20, 0.1)])
    turned = np.linalg.qr(random.normal(size=(WIDTH, WIDTH)))[0]
    return (0.5 + random.normal(size=(1600, WIDTH)) * spread @ turned).astype(np.float32)


@pytest.fixture(scope="module")
def reference(features: np.ndarray) -> Reference:
    return Reference.fit(features[:800])


def test_distance_is_one_minus_cosine_similarity_to_the_kth_neighbour(
    reference: Reference, features: np.ndarray
) -> None:
    new = features[800:820].astype(np.float64)
    known = features[:800].astype(np.float64)
    cosine = (new @ known.T) / np.linalg.norm(new, axis=1)[:, None] / np.linalg.norm(known, axis=1)

    expected = 1 - np.sort(cosine, axis=1)[:, -NEIGHBOUR]
    assert reference.distance(features[800:820]) == pytest.approx(expected, abs=2e-4)


def test_unfamiliar_photograph_is_farther_than_all_training_data(
    reference: Reference, features: np.ndarray
) -> None:
    new = reference.distance(features[800:])
    noise = np.abs(np.random.default_rng(1).normal(size=(50, WIDTH)))

    assert reference.distance(noise).min() > new.max()


def test_single_outlier_in_the_reference_stays_unfamiliar(features: np.ndarray) -> None:
    odd = -features[:1]
    alone = Reference.fit(np.concatenate([features[:200], odd]))
    crowd = Reference.fit(np.concatenate([features[:200], np.repeat(odd, NEIGHBOUR, axis=0)]))

    assert alone.distance(odd)[0] > 0.5
    assert crowd.distance(odd)[0] == pytest.approx(0, abs=1e-3)


def test_distance_ignores_magnitude(reference: Reference, features: np.ndarray) -> None:
    new = features[800:810]

    assert reference.distance(3 * new) == pytest.approx(reference.distance(new), abs=1e-5)


def test_reference_keeps_an_even_subset(features: np.ndarray) -> None:
    many = Reference.fit(np.repeat(features, 2, axis=0))

    assert many.features.shape == (KEPT, WIDTH)
    for place in (0, -1):
        unit = features[place] / np.linalg.norm(features[place])
        assert many.features[place] == pytest.approx(unit, abs=1e-3)


def test_distance_of_a_row_ignores_other_rows(reference: Reference, features: np.ndarray) -> None:
    together = reference.distance(features[800:808])
    alone = [reference.distance(row[None, :])[0] for row in features[800:808]]

    assert together.tolist() == alone


def test_json_round_trip(reference: Reference, features: np.ndarray) -> None:
    text = json.dumps(to_json(reference.encoded()))

    after = parse(json.loads(text), EncodedFeatures, "features").decoded()

    assert json.dumps(to_json(after.encoded())) == text
    assert after.labels is None
    new = features[800:900]
    assert after.distance(new).tolist() == reference.distance(new).tolist()


@pytest.mark.parametrize("count", [1, 3, 40])
def test_works_with_a_handful_of_photographs(count: int, features: np.ndarray) -> None:
    distances = Reference.fit(features[:count]).distance(features)

    assert np.isfinite(distances).all()
    assert distances.min() >= -1e-3


def test_zero_features_give_finite_distances(reference: Reference) -> None:
    assert np.isfinite(reference.distance(np.zeros((2, WIDTH)))).all()


def test_labels_are_kept_with_the_photographs_that_are(features: np.ndarray) -> None:
    labels = np.arange(2 * len(features)) // len(features)
    many = Reference.fit(np.repeat(features, 2, axis=0), labels)

    after = parse(to_json(many.encoded()), EncodedFeatures, "features").decoded()

    assert after.labels is not None
    assert after.labels.tolist() == [0] * (KEPT // 2) + [1] * (KEPT // 2)


@pytest.mark.parametrize("labels", ["01", "0" * 799 + "2", "0" * 799 + "\u0661"])
def test_labels_that_do_not_fit_the_features_are_an_error(
    labels: str, reference: Reference
) -> None:
    encoded = dataclasses.replace(reference.encoded(), labels=labels)

    with pytest.raises(ValueError, match="the labels of the training photographs"):
        encoded.decoded()


def test_the_nearest_are_those_with_the_largest_cosine_similarity(
    reference: Reference, features: np.ndarray
) -> None:
    known = features[:800].astype(np.float64)
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    for new in features[800:820].astype(np.float64):
        places, distances = reference.nearest(new, 5)

        expected = 1 - known @ new / np.linalg.norm(new)
        assert distances == pytest.approx(np.sort(expected)[:5], abs=2e-4)
        assert distances == pytest.approx(expected[places], abs=2e-4)
        assert reference.distance(new[None])[0] == pytest.approx(distances[NEIGHBOUR - 1], abs=1e-6)


def test_fewer_are_near_where_fewer_are_known(features: np.ndarray) -> None:
    places, distances = Reference.fit(features[:3]).nearest(features[1], 5)

    assert places[0] == 1
    assert distances[0] == pytest.approx(0, abs=1e-3)
    assert len(places) == len(distances) == 3

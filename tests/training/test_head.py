"""The head is at the optimum of its balanced loss, on features as they come."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from training import folds, head
from training.backbone import Backbone
from training.dataset import Progress
from training.features import Features
from training.folds import Fold
from training.head import Choice, HeadRecipe

VIEWS = 5


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    """120 photographs, a quarter cancer, 5 views of 20 features, off centre and of unequal scale.

    The views differ, and the fifth of them is nothing but noise.
    """
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(120) % 4 == 0).astype(np.int64)
    scales = np.geomspace(0.01, 50, 20)
    shifted = rng.normal(size=(120, 1, 20)) + 0.5 * labels[:, None, None]
    views = shifted + 0.3 * rng.normal(size=(120, VIEWS, 20))
    views[:, 4] = 2 * rng.normal(size=(120, 20))
    return ((views + 3) * scales).astype(np.float32), labels


@pytest.fixture(scope="module")
def split(data: tuple[np.ndarray, np.ndarray]) -> list[Fold]:
    return folds.grouped(data[1], np.arange(120), 3, 0)


def sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-values)))


@pytest.mark.parametrize("penalised", [False, True])
@pytest.mark.parametrize("strength", [1e-3, 1e-2, 0.3])
def test_the_fit_is_where_the_gradient_of_the_balanced_loss_vanishes(
    data: tuple[np.ndarray, np.ndarray], strength: float, penalised: bool
) -> None:
    views, labels = data
    moved = np.random.default_rng(3).normal(size=(8, 20)) * views.std(axis=(0, 1))
    penalty = moved.T @ moved if penalised else np.zeros((20, 20))
    fitted = head.fit(views, labels, strength, penalty if penalised else None)

    rows = views.reshape(-1, 20).astype(np.float64)
    repeated = np.repeat(labels, VIEWS)
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    # (|w|^2 + v P v) / 2 + C * sum of weighted log losses, w being the weights of standardised
    # features and v those of unscaled ones;
    # a class weighs as much as the other, and all together as many as there are photographs.
    weights = np.where(repeated == 1, 60 / repeated.sum(), 60 / (1 - repeated).sum())
    residual = weights * (sigmoid(fitted.log_odds(rows)) - repeated)
    standardised = (rows - mean) / deviation
    gradient = fitted.weights * deviation + strength * standardised.T @ residual
    gradient += (penalty @ fitted.weights) / deviation
    scale = strength * np.abs(standardised).T @ np.abs(residual)
    assert (np.abs(gradient) < 2e-3 * scale).all()
    assert abs(residual.sum()) < 2e-3 * np.abs(residual).sum()
    assert np.abs(fitted.weights * deviation).max() > 1e-3


def test_the_standardisation_is_folded_into_the_weights(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    views, labels = data
    fitted = head.fit(views[:, :1], labels, 0.1)

    rows = views[:, 0].astype(np.float64)
    own = LogisticRegression(C=0.1, max_iter=5000, tol=1e-8, class_weight="balanced")
    standardised = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    own.fit(standardised, labels)
    expected = own.decision_function(standardised)
    np.testing.assert_allclose(fitted.log_odds(views[:, 0]), expected, atol=2e-3)


def test_a_photograph_counts_once_however_many_views_there_are(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    views, labels = data
    once = head.fit(views[:, :1], labels, 0.1)
    repeated = head.fit(np.repeat(views[:, :1], 4, axis=1), labels, 0.1)
    every = head.fit(views, labels, 0.1)

    plain = views[:, 0]
    np.testing.assert_allclose(repeated.log_odds(plain), once.log_odds(plain), atol=2e-3)
    # ... and the views are learned from, not only the first.
    assert np.abs(every.log_odds(plain) - once.log_odds(plain)).max() > 0.1


@pytest.mark.parametrize("cancers", [3, 30, 90])
def test_classes_have_equal_weight_however_common_they_are(cancers: int) -> None:
    rng = np.random.default_rng(1)
    labels = (np.arange(120) < cancers).astype(np.int64)
    views = (rng.normal(size=(120, 2, 6)) + labels[:, None, None]).astype(np.float32)
    fitted = head.fit(views, labels, 0.1)

    # An intercept that nothing holds back: what each class is short of weighs the same.
    given = sigmoid(fitted.log_odds(views.reshape(-1, 6))).reshape(120, 2)
    assert given[labels == 0].mean() == pytest.approx((1 - given[labels == 1]).mean(), abs=2e-3)


def test_a_feature_that_never_varies_gets_no_weight(data: tuple[np.ndarray, np.ndarray]) -> None:
    views, labels = data
    views = views.copy()
    views[..., 4] = 0
    fitted = head.fit(views, labels, 0.1)

    assert fitted.weights[4] == 0
    assert np.isfinite(fitted.weights).all()


def test_the_layer_gives_the_same_probability_as_the_log_odds() -> None:
    rng = np.random.default_rng(1)
    fitted = head.Head(rng.normal(size=512) / 10, -1.5)
    features = np.abs(rng.normal(size=(200, 512))).astype(np.float32)
    layer = fitted.layer()
    with torch.inference_mode():
        logits = layer(torch.from_numpy(features))
        probabilities = torch.softmax(logits, dim=1)[:, 1].numpy()

    np.testing.assert_allclose(probabilities, sigmoid(fitted.log_odds(features)), atol=1e-6)
    np.testing.assert_allclose(
        (logits[:, 1] - logits[:, 0]).numpy(), fitted.log_odds(features), atol=1e-5
    )
    # Opposite logits: an explanation of either class has a gradient to follow.
    np.testing.assert_allclose(logits[:, 0].numpy(), -logits[:, 1].numpy(), atol=1e-5)
    assert not any(parameter.requires_grad for parameter in layer.parameters())


def held_out_loss(
    views: np.ndarray, labels: np.ndarray, strength: float, split: list[Fold]
) -> float:
    log_odds = np.full(len(labels), np.nan)
    for learn, hold in split:
        log_odds[hold] = head.fit(views[learn], labels[learn], strength).log_odds(views[hold, 0])
    weights = np.where(labels == 1, 1 / labels.sum(), 1 / (1 - labels).sum())
    return float(log_loss(labels, sigmoid(log_odds), sample_weight=weights))


def test_choice_has_the_least_out_of_fold_loss(
    data: tuple[np.ndarray, np.ndarray], split: list[Fold]
) -> None:
    views, labels = data
    calls: list[tuple[str, int, int]] = []
    chosen = head.choose(views, labels, split, lambda *call: calls.append(call))

    counts = head.AUGMENTATIONS
    for name, strength, loss in chosen.tried:
        part = views[:, : counts[name]]
        assert loss == pytest.approx(held_out_loss(part, labels, strength, split), rel=1e-6)
    losses = {(name, strength): loss for name, strength, loss in chosen.tried}
    assert len(losses) == len(head.STRENGTHS) + len(counts) - 1
    assert {strength for _, strength in losses} == set(head.STRENGTHS)
    assert {name for name, _ in losses} == set(counts)
    assert losses[chosen.augmentation, chosen.strength] == min(losses.values())
    assert calls == [("head", number, len(losses)) for number in range(1, len(losses) + 1)]
    # The fifth view is noise: to learn from it costs, and so the choice is another.
    assert chosen.augmentation != "flips and right angles"


def test_where_whatever_is_learned_misleads_the_least_is_learned(silent: Progress) -> None:
    # In one half of the photographs the features say the opposite of what they say in the other.
    rng = np.random.default_rng(5)
    labels = rng.permutation(np.arange(80) % 2)
    half = np.arange(80) < 40
    sign = np.where(half, 1, -1) * (2 * labels - 1)
    views = (rng.normal(size=(80, VIEWS, 4)) + sign[:, None, None]).astype(np.float32)
    split = [(np.flatnonzero(half), np.flatnonzero(~half))]
    split.append(split[0][::-1])

    assert head.choose(views, labels, split, silent).strength == min(head.STRENGTHS)


def test_the_folds_given_are_those_looked_at(
    data: tuple[np.ndarray, np.ndarray], split: list[Fold], silent: Progress
) -> None:
    views, labels = data
    other = folds.grouped(labels, np.arange(120), 3, 1)
    one, again, another = (
        head.choose(views, labels, given, silent) for given in (split, split, other)
    )

    assert one == again
    assert {entry[2] for entry in one.tried}.isdisjoint(entry[2] for entry in another.tried)


def test_a_recipe_learns_from_the_places_given_and_the_views_chosen(
    data: tuple[np.ndarray, np.ndarray], network: Backbone
) -> None:
    views, labels = data
    choice = Choice(0.1, "flips", ())
    recipe = HeadRecipe(
        network, Features(views, np.empty((120, 4)), np.empty((120, 0))), labels, choice
    )
    learn = np.arange(0, 120, 2)
    fitted = recipe.fit(learn, 0)

    expected = head.fit(views[learn, :3], labels[learn], 0.1)
    np.testing.assert_array_equal(fitted.head.weights, expected.weights)
    assert fitted.head.bias == expected.bias
    assert fitted.backbone is network
    np.testing.assert_array_equal(fitted.features(np.array([7, 3])), views[[7, 3], 0])

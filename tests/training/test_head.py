"""The head is at the optimum of its loss, on features as they come."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from training import head
from training.dataset import Progress


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    """120 photographs of 3 views of 20 features, off centre and of unequal scale."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(120) % 2)
    scales = np.geomspace(0.01, 50, 20)
    shifted = rng.normal(size=(120, 1, 20)) + 0.4 * labels[:, None, None]
    views = shifted + 0.3 * rng.normal(size=(120, 3, 20))
    return ((views + 3) * scales).astype(np.float32), labels


def sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-values)))


@pytest.mark.parametrize("strength", [1e-4, 1e-2, 0.3])
def test_the_fit_is_where_the_gradient_of_the_loss_vanishes(
    data: tuple[np.ndarray, np.ndarray], strength: float
) -> None:
    views, labels = data
    fitted = head.fit(views, labels, strength)

    rows = views.reshape(-1, 20).astype(np.float64)
    repeated = np.repeat(labels, 3)
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    # loss(w) = |w|^2 / 2 + C * sum of log losses, w being the weights of standardised features.
    residual = sigmoid(fitted.log_odds(rows)) - repeated
    standardised = (rows - mean) / deviation
    gradient = fitted.weights * deviation + strength * standardised.T @ residual
    assert np.abs(gradient).max() < 1e-3 * strength * np.abs(standardised.T @ residual).sum() + 1e-6
    assert abs(residual.sum()) < 1e-3 * len(rows)
    assert fitted.strength == strength
    assert np.abs(fitted.weights * deviation).max() > 1e-4


def test_the_standardisation_is_folded_into_the_weights(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    views, labels = data
    fitted = head.fit(views, labels, 0.1)

    rows = views.reshape(-1, 20).astype(np.float64)
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    own = LogisticRegression(C=0.1, max_iter=5000, tol=1e-8)
    own.fit((rows - mean) / deviation, np.repeat(labels, 3))
    expected = own.decision_function((views[:, 0] - mean) / deviation)
    np.testing.assert_allclose(fitted.log_odds(views[:, 0]), expected, atol=1e-3)


def test_every_view_counts_as_a_photograph(data: tuple[np.ndarray, np.ndarray]) -> None:
    views, labels = data
    flat = head.fit(views.reshape(-1, 1, 20), np.repeat(labels, 3), 0.1)
    plain = head.fit(views[:, :1], labels, 0.1)
    fitted = head.fit(views, labels, 0.1)

    np.testing.assert_allclose(fitted.weights, flat.weights, rtol=1e-6)
    assert np.abs(fitted.weights / plain.weights - 1).max() > 0.01


def test_a_feature_that_never_varies_gets_no_weight(data: tuple[np.ndarray, np.ndarray]) -> None:
    views, labels = data
    views = views.copy()
    views[..., 4] = 0
    fitted = head.fit(views, labels, 0.1)

    assert fitted.weights[4] == 0
    assert np.isfinite(fitted.weights).all()


def test_the_layer_gives_the_same_probability_as_the_log_odds(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    rng = np.random.default_rng(1)
    fitted = head.Head(rng.normal(size=512) / 10, -1.5, 0.1)
    features = np.abs(rng.normal(size=(200, 512))).astype(np.float32)
    layer = fitted.layer()
    with torch.inference_mode():
        logits = layer(torch.from_numpy(features))
        probabilities = torch.softmax(logits, dim=1)[:, 1].numpy()

    np.testing.assert_allclose(probabilities, sigmoid(fitted.log_odds(features)), atol=1e-6)
    # Opposite logits: an explanation of either class has a gradient to follow.
    np.testing.assert_allclose(logits[:, 0].numpy(), -logits[:, 1].numpy(), atol=1e-5)
    assert not any(parameter.requires_grad for parameter in layer.parameters())


def test_the_strength_of_least_validation_loss_is_chosen(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    views, labels = data
    calls: list[tuple[str, int, int]] = []
    for held, held_labels in ((views[60:, 0], labels[60:]), (views[60:, 0], 1 - labels[60:])):
        calls.clear()
        chosen = head.choose(
            views[:60], labels[:60], held, held_labels, lambda *call: calls.append(call)
        )
        losses = {
            strength: log_loss(
                held_labels,
                sigmoid(head.fit(views[:60], labels[:60], strength).log_odds(held)),
            )
            for strength in head.STRENGTHS
        }
        assert chosen.strength == min(losses, key=lambda strength: losses[strength])
        assert calls == [("head", number, 8) for number in range(1, 9)]

    # Labels turned round: the more it has learned the worse, so the least is chosen.
    assert chosen.strength == min(head.STRENGTHS)


def test_a_signal_in_the_features_is_found(
    data: tuple[np.ndarray, np.ndarray], silent: Progress
) -> None:
    views, labels = data
    chosen = head.choose(views[:60], labels[:60], views[60:, 0], labels[60:], silent)

    assert chosen.strength > min(head.STRENGTHS)
    assert np.mean((chosen.log_odds(views[60:, 0]) > 0) == labels[60:]) > 0.7

"""Test LIME: superpixel weights of a linear model, fitted in closed form."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
import torch
from captum._utils.models.linear_model import SkLearnRidge
from captum.attr import Lime
from sklearn import linear_model
from torch.utils.data import DataLoader, TensorDataset

from handlers.explainers import lime as module
from handlers.explainers.hadamard import paley
from handlers.explainers.lime import Ridge, balanced, cut, lime
from handlers.explainers.pixels import blurred
from handlers.explainers.task import AttributionTask
from tests.handlers.explainers.known import Linear, ask
from training.export import SplitResNet


def rows(count: int, features: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    there = torch.bernoulli(torch.full((count, features), 0.5), generator=generator)
    answers = 3 + there @ torch.arange(features).float()
    answers += torch.randn(count, generator=generator)
    return there, answers, torch.rand(count, generator=generator)


def test_ridge_equals_scikit_learn() -> None:
    there, answers, weights = rows(60, 7)
    wanted = linear_model.Ridge(alpha=2.5).fit(
        there.numpy(), answers.numpy(), sample_weight=weights.numpy()
    )

    found = Ridge(2.5)
    found.fit(DataLoader(TensorDataset(there, answers, weights), batch_size=25))

    np.testing.assert_allclose(found.representation().numpy(), wanted.coef_, atol=1e-4)
    np.testing.assert_allclose(found(there).numpy(), wanted.predict(there.numpy()), atol=1e-4)


@pytest.mark.parametrize(
    ("features", "order"), [(1, 1), (2, 2), (11, 12), (28, 28), (36, 36), (37, 40), (49, 56)]
)
def test_columns_of_a_paley_matrix_are_orthogonal(features: int, order: int) -> None:
    signs = 1 - 2 * paley(features).astype(int)

    assert np.array_equal(signs.T @ signs, order * np.eye(order))
    assert (signs[0] == 1).all()


@pytest.mark.parametrize(("features", "count"), [(1, 2), (20, 40), (36, 72), (37, 80), (64, 128)])
def test_pairs_of_superpixels_are_balanced_in_the_samples(features: int, count: int) -> None:
    there = balanced(features)

    assert there.shape == (count, features)
    signs = 2 * there - 1
    assert torch.equal(signs.T @ signs, count * torch.eye(features, dtype=torch.int64))
    assert not signs.sum(dim=0).any()
    # The whole picture, as in the paper's own sample.
    assert there[0].all()


def test_interaction_of_two_superpixels_is_not_attributed_to_others() -> None:
    signs = 2 * balanced(36) - 1

    both = signs[:, 3] * signs[:, 17]

    assert not (signs.T @ both).any()


def test_linear_model_gets_the_effect_of_blurring_each_superpixel(
    picture: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PENALTY", 1e-6)
    model = Linear()
    pieces = cut(picture)
    part = (model.weights * (picture - blurred(picture))[0]).sum(dim=0).numpy()
    cells = part.reshape(28, 4, 28, 4).sum(axis=(1, 3))
    wanted = np.bincount(pieces.ravel(), cells.ravel())

    found = lime(ask(model, picture))

    assert found.values.shape == (28, 28)
    assert np.abs(wanted).max() > 10
    np.testing.assert_allclose(found.values, wanted[pieces], atol=0.05)


def test_penalty_shrinks_weights_and_keeps_their_order(picture: torch.Tensor) -> None:
    model = Linear()
    part = (model.weights * (picture - blurred(picture))[0]).sum(dim=0).numpy()
    pieces = cut(picture)
    wanted = np.bincount(pieces.ravel(), part.reshape(28, 4, 28, 4).sum(axis=(1, 3)).ravel())

    found = lime(ask(model, picture)).values

    assert np.corrcoef(found.ravel(), wanted[pieces].ravel())[0, 1] > 0.95
    assert found.std() < wanted[pieces].std()


def test_equals_captum_with_scikit_learn_on_the_eager_model(
    why_cancer: AttributionTask, eager: SplitResNet
) -> None:
    four = partial(cut, grid=2)
    inputs = why_cancer.inputs
    pieces = torch.from_numpy(four(inputs))
    mask = pieces.repeat_interleave(4, 0).repeat_interleave(4, 1)[None, None]

    def similarity(_: object, __: object, there: torch.Tensor, **___: object) -> float:
        # Of Ribeiro's lime_image.py: cosine distance to all ones, sqrt(exp(-d^2 / width^2)).
        row = there[0].double().numpy()
        norms = np.linalg.norm(row) * np.sqrt(len(row))
        distance = 1 - row.sum() / norms if norms else 1.0
        return float(np.sqrt(np.exp(-(distance**2) / 0.25**2)))

    def samples(_: object, **__: object) -> Iterator[torch.Tensor]:
        yield from balanced(4).split(1)

    wanted = Lime(eager, SkLearnRidge(alpha=1.0), similarity, samples).attribute(
        inputs, blurred(inputs), target=1, feature_mask=mask, n_samples=8, perturbations_per_eval=8
    )

    found = lime(why_cancer, four)

    assert found.steps == 8
    assert len(np.unique(found.values)) == 4
    np.testing.assert_allclose(found.values, wanted[0, 0, ::4, ::4].numpy(), atol=1e-4)


def test_samples_closer_to_the_photograph_have_more_weight() -> None:
    shares = [
        float(
            module._similarity(None, None, torch.cat([torch.ones(1, n), torch.zeros(1, 48 - n)], 1))
        )
        for n in (48, 36, 24, 0)
    ]

    assert shares[0] == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == pytest.approx(np.exp(-8))

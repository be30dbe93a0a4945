"""Test Integrated Gradients: completeness, equality to Captum, adaptive steps."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from PIL import Image
from scipy.stats import spearmanr
from torch import nn

from handlers.classifier import Classifier
from handlers.explainers import integrated_gradients as module
from handlers.explainers.integrated_gradients import integrated_gradients
from handlers.explainers.pixels import blurred
from handlers.explainers.task import AttributionTask, FrozenModel
from handlers.imaging import centre_view, to_tensor
from training.export import SplitResNet

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def inputs(drawn: Callable[..., Image.Image]) -> torch.Tensor:
    return to_tensor(centre_view(drawn(11, 1))).unsqueeze(0)


def task(model: object, inputs: torch.Tensor, target: int = 1) -> AttributionTask:
    return AttributionTask(model, inputs, torch.empty(0), target)


class Kinked(nn.Module):
    """Model whose logit rises by ten on a part of the path from 0 to 1."""

    def __init__(self, begin: float, end: float) -> None:
        super().__init__()
        self.begin, self.end = begin, end
        self.calls: list[torch.Tensor] = []

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        way = inputs.mean(dim=(1, 2, 3))
        self.calls.append(way.detach())
        rise = 10 * ((way - self.begin) / (self.end - self.begin)).clamp(0, 1)
        return torch.stack([-rise, rise], dim=1)


def black(inputs: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(inputs)


@pytest.mark.parametrize("target", [0, 1])
def test_sum_is_complete_within_the_reported_delta(
    target: int, classifier: Classifier, eager: SplitResNet, inputs: torch.Tensor
) -> None:
    with torch.inference_mode():
        here, there = (float(eager(x)[0, target]) for x in (inputs, blurred(inputs)))

    found = integrated_gradients(task(classifier.model, inputs, target))

    assert found.values.shape == (28, 28)
    assert found.values.dtype == np.float32
    assert found.convergence_delta is not None
    assert abs(here - there) > 0.01
    assert found.values.sum(dtype=np.float64) - (here - there) == pytest.approx(
        found.convergence_delta, abs=1e-4
    )
    near = abs(found.convergence_delta) <= module.TOLERANCE * abs(here - there)
    assert near or found.steps == module.MOST


def test_even_steps_equal_captum_trapezoid_rule(
    classifier: Classifier,
    eager: SplitResNet,
    inputs: torch.Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FIRST", 6)
    monkeypatch.setattr(module, "MOST", 6)
    wanted = IntegratedGradients(eager).attribute(
        inputs, baselines=blurred(inputs), target=1, n_steps=6, method="riemann_trapezoid"
    )
    # Captum's weights add up to (n - 1) / n.
    wanted = wanted * 6 / 5
    cells = wanted[0].sum(dim=0).numpy().reshape(28, 8, 28, 8).sum(axis=(1, 3))

    found = integrated_gradients(task(classifier.model, inputs))

    assert found.steps == 6
    np.testing.assert_allclose(found.values, cells, atol=1e-4)


def test_adds_steps_only_where_the_path_is_rough() -> None:
    model = Kinked(0.30, 0.33)

    found = integrated_gradients(task(model, torch.ones(1, 3, 224, 224)), black)

    steps = torch.cat(model.calls)
    added = steps[module.FIRST :]
    assert len(added) > 0
    assert ((added > 0.2) & (added < 0.4)).all()
    assert found.steps == len(steps)
    assert found.convergence_delta == pytest.approx(0, abs=0.1)


def test_smooth_path_gets_no_additional_steps(inputs: torch.Tensor) -> None:
    model = Kinked(-50.0, 50.0)

    found = integrated_gradients(task(model, inputs), black)

    assert found.steps == module.FIRST
    assert found.convergence_delta == pytest.approx(0, abs=1e-4)


def test_very_rough_path_stops_at_the_maximum_of_steps() -> None:
    # A jump: between no two steps do the gradients show it.
    model = Kinked(0.3, 0.3 + 1e-9)

    found = integrated_gradients(task(model, torch.ones(1, 3, 224, 224)), black)

    assert found.steps <= module.MOST
    assert found.convergence_delta == pytest.approx(-10, abs=0.5)


def test_photograph_equal_to_its_baseline_gets_zero_attribution(classifier: Classifier) -> None:
    flat = torch.full((1, 3, 224, 224), 0.5)

    found = integrated_gradients(task(classifier.model, flat), lambda inputs: inputs.clone())

    assert found.steps == module.FIRST
    assert not found.values.any()
    assert found.convergence_delta == 0


def test_frozen_channels_last_model_gives_the_same_map(
    classifier: Classifier, inputs: torch.Tensor
) -> None:
    plain = integrated_gradients(task(classifier.model, inputs)).values

    found = integrated_gradients(task(FrozenModel(classifier.model), inputs)).values

    assert spearmanr(plain.ravel(), found.ravel()).statistic > 0.99
    assert np.abs(found - plain).max() < 0.02 * np.abs(plain).max()


def test_freezing_does_not_change_the_model(
    classifier: Classifier, eager: SplitResNet, inputs: torch.Tensor
) -> None:
    repeated = FrozenModel(classifier.model)

    with torch.inference_mode():
        expected = eager(inputs)
        assert torch.allclose(repeated(inputs), expected, atol=1e-4)
        assert torch.allclose(classifier.model(inputs), expected, atol=1e-5)

"""Test gradient methods: exact on a linear model, equal to Captum on the network."""

import numpy as np
import pytest
import torch
from captum.attr import GradientShap, NoiseTunnel, Saliency

from handlers.explainers import gradients
from handlers.explainers.captum_methods import seeded
from handlers.explainers.gradients import gradient_shap, saliency, smooth_grad
from handlers.explainers.pixels import blurred
from handlers.explainers.task import AttributionTask
from tests.handlers.explainers.known import SIDE, Linear, ask
from training.export import SplitResNet


def strengths(of_pixels: torch.Tensor) -> np.ndarray:
    """Compute for each grid cell the maximum over colours, averaged over its pixels."""
    strongest = np.abs(of_pixels.detach().numpy()).max(axis=0)
    cell = len(strongest) // 28
    return strongest.reshape(28, cell, 28, cell).mean(axis=(1, 3))


def sums(of_pixels: torch.Tensor) -> np.ndarray:
    cell = of_pixels.shape[-1] // 28
    return of_pixels.sum(dim=0).numpy().reshape(28, cell, 28, cell).sum(axis=(1, 3))


@pytest.mark.parametrize("method", [saliency, smooth_grad])
def test_gradient_of_a_linear_model_is_its_weights(method, picture: torch.Tensor) -> None:
    model = Linear()

    values = method(ask(model, picture)).values

    assert values.shape == (28, 28)
    np.testing.assert_allclose(values, strengths(model.weights), rtol=1e-5)


def test_saliency_equals_captum_on_the_eager_model(
    why_cancer: AttributionTask, eager: SplitResNet
) -> None:
    wanted = Saliency(eager).attribute(why_cancer.inputs.clone().requires_grad_(), target=1)

    found = saliency(why_cancer)

    assert found.values.max() > 1e-4
    np.testing.assert_allclose(found.values, strengths(wanted[0]), rtol=1e-3, atol=1e-6)


def test_smooth_grad_equals_captum_on_the_eager_model(
    why_cancer: AttributionTask, eager: SplitResNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradients, "SMOOTH_SAMPLES", 4)
    monkeypatch.setattr(gradients, "AT_ONCE", 2)
    inputs = why_cancer.inputs
    with seeded():
        wanted = NoiseTunnel(Saliency(eager)).attribute(
            inputs,
            nt_samples=4,
            nt_samples_batch_size=2,
            stdevs=float(0.15 * (inputs.max() - inputs.min())),
            target=1,
            abs=False,
        )

    found = smooth_grad(why_cancer)

    np.testing.assert_allclose(found.values, strengths(wanted[0]), rtol=1e-3, atol=1e-6)
    assert not np.allclose(found.values, saliency(why_cancer).values, rtol=0.1)


def test_smooth_grad_averages_before_taking_magnitudes(picture: torch.Tensor) -> None:
    class Ripple(Linear):
        """Model whose gradient changes its sign between noisy copies."""

        def logit(self, inputs: torch.Tensor) -> torch.Tensor:
            return torch.sin(20 * inputs).sum(dim=(1, 2, 3))

    rough = saliency(ask(Ripple(), picture)).values
    smooth = smooth_grad(ask(Ripple(), picture)).values

    assert smooth.mean() < rough.mean() / 2


def test_expected_gradients_of_a_linear_model_equal_the_difference_to_the_blurs(
    picture: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradients, "SHAP_NOISE", 0.0)
    model = Linear()
    taken = torch.stack([picture - blurred(picture, sigma) for sigma in gradients.SHAP_BLURS])

    found = gradient_shap(ask(model, picture))

    wanted = model.weights * taken.mean(dim=0)[0]
    np.testing.assert_allclose(found.values, sums(wanted), atol=1e-3)
    assert found.convergence_delta == pytest.approx(0, abs=1e-2)
    assert abs(found.values.sum()) > 10


@pytest.mark.parametrize("target", [0, 1])
def test_expected_gradients_report_convergence_delta(target: int, picture: torch.Tensor) -> None:
    class Square(Linear):
        def logit(self, inputs: torch.Tensor) -> torch.Tensor:
            return (self.weights * inputs.square()).sum(dim=(1, 2, 3)) / SIDE

    model = Square()
    blurs = [blurred(picture, sigma) for sigma in gradients.SHAP_BLURS]
    there = np.mean([float(model(blur)[0, target]) for blur in blurs])

    found = gradient_shap(ask(model, picture, target))

    assert found.convergence_delta is not None
    assert abs(found.convergence_delta) > 1e-3
    assert found.values.sum(dtype=np.float64) - found.convergence_delta == pytest.approx(
        float(model(picture)[0, target]) - there, abs=1e-4
    )


def test_expected_gradients_equal_captum_on_the_eager_model(
    why_cancer: AttributionTask, eager: SplitResNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradients, "SHAP_BLURS", (12.0,))
    monkeypatch.setattr(gradients, "SHAP_SAMPLES", 3)
    inputs = why_cancer.inputs
    with seeded():
        wanted = GradientShap(eager).attribute(
            inputs, blurred(inputs), n_samples=3, stdevs=gradients.SHAP_NOISE, target=1
        )

    found = gradient_shap(why_cancer)

    assert np.abs(found.values).max() > 1e-4
    np.testing.assert_allclose(found.values, sums(wanted[0].detach()), rtol=1e-3, atol=1e-5)

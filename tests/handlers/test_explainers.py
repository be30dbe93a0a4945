"""Attribution methods: equal to Captum's on the eager model, and complete."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, LayerGradCam
from PIL import Image

from handlers import explainers
from handlers.classifier import Classifier
from handlers.explainers import (
    METHODS,
    UnknownMethodError,
    blurred,
    grad_cam,
    integrated_gradients,
    method_named,
    upsampled,
)
from handlers.imaging import centre_view, to_tensor
from training.export import SplitResNet


@pytest.fixture(scope="module")
def inputs(drawn: Callable[..., Image.Image]) -> torch.Tensor:
    return to_tensor(centre_view(drawn(11, 1))).unsqueeze(0)


@pytest.fixture(scope="module")
def activations(classifier: Classifier, inputs: torch.Tensor) -> torch.Tensor:
    return classifier.forward(inputs).activations


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds for the method holds for every number of steps; more would only take longer."""
    monkeypatch.setattr(explainers, "IG_STEPS", 4)
    monkeypatch.setattr(explainers, "IG_BATCH", 4)


@pytest.mark.parametrize("target", [0, 1])
def test_grad_cam_is_captums_on_the_eager_model(
    target: int,
    classifier: Classifier,
    eager: SplitResNet,
    inputs: torch.Tensor,
    activations: torch.Tensor,
) -> None:
    wanted = LayerGradCam(eager, eager.features).attribute(inputs.clone(), target=target)

    found = grad_cam(classifier.model, inputs, activations, target)

    assert found.values.shape == (7, 7)
    assert found.values.dtype == np.float32
    assert found.convergence_delta is None
    assert np.abs(found.values).max() > 1e-3
    np.testing.assert_allclose(found.values, wanted[0, 0].detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("target", [0, 1])
def test_grad_cam_sums_to_the_logit_without_its_bias(
    target: int,
    classifier: Classifier,
    eager: SplitResNet,
    inputs: torch.Tensor,
    activations: torch.Tensor,
) -> None:
    with torch.inference_mode():
        logit = float(eager(inputs)[0, target])

    values = grad_cam(classifier.model, inputs, activations, target).values

    assert values.sum() == pytest.approx(logit - float(eager.head[2].bias[target]), abs=1e-4)


def test_grad_cam_leaves_the_activations_as_they_are(
    classifier: Classifier, inputs: torch.Tensor, activations: torch.Tensor
) -> None:
    before = activations.clone()

    grad_cam(classifier.model, inputs, activations, 1)

    assert torch.equal(activations, before)


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("target", [1])
def test_integrated_gradients_are_complete(
    target: int,
    classifier: Classifier,
    eager: SplitResNet,
    inputs: torch.Tensor,
    activations: torch.Tensor,
) -> None:
    with torch.inference_mode():
        here, there = (float(eager(x)[0, target]) for x in (inputs, blurred(inputs)))

    found = integrated_gradients(classifier.model, inputs, activations, target)

    assert found.values.shape == (28, 28)
    assert found.values.dtype == np.float32
    assert found.convergence_delta is not None
    assert abs(here - there) > 0.01
    assert found.values.sum(dtype=np.float64) - (here - there) == pytest.approx(
        found.convergence_delta, abs=1e-3
    )


@pytest.mark.usefixtures("few_steps")
def test_integrated_gradients_are_captums_pooled_without_losing_any(
    classifier: Classifier, eager: SplitResNet, inputs: torch.Tensor, activations: torch.Tensor
) -> None:
    wanted = IntegratedGradients(eager).attribute(
        inputs,
        baselines=blurred(inputs),
        target=1,
        n_steps=explainers.IG_STEPS,
        method="gausslegendre",
        internal_batch_size=explainers.IG_BATCH,
    )
    cells = wanted[0].sum(dim=0).numpy().reshape(28, 8, 28, 8).sum(axis=(1, 3))

    found = integrated_gradients(classifier.model, inputs, activations, 1).values

    assert found.sum() == pytest.approx(float(wanted.sum()), abs=1e-3)
    np.testing.assert_allclose(found, cells, atol=1e-4)


@pytest.mark.parametrize("name", ["grad_cam", "integrated_gradients"])
def test_a_method_is_found_by_its_name(name: str) -> None:
    assert method_named(name) is getattr(explainers, name)


def test_the_default_is_one_of_the_methods() -> None:
    assert explainers.DEFAULT in METHODS


@pytest.mark.parametrize("name", ["", "Grad_CAM", "saliency", "x" * 10_000])
def test_an_unknown_name_lists_those_there_are(name: str) -> None:
    with pytest.raises(UnknownMethodError) as caught:
        method_named(name)

    assert str(caught.value).startswith("unknown method ")
    assert str(caught.value).endswith("there are: grad_cam, integrated_gradients")
    # What a client sends is not sent back at any length.
    assert len(str(caught.value)) < 150


def test_a_blur_keeps_constants() -> None:
    flat = torch.tensor([0.25, -1.5, 2.0]).view(1, 3, 1, 1).expand(2, 3, 224, 224)

    torch.testing.assert_close(blurred(flat), flat.clone(), atol=1e-5, rtol=0)


def test_a_blur_keeps_the_mean_and_takes_the_details(inputs: torch.Tensor) -> None:
    soft = blurred(inputs)

    assert soft.shape == inputs.shape
    # Reflection at the rim counts it twice: nearly, not exactly.
    torch.testing.assert_close(soft.mean(dim=(2, 3)), inputs.mean(dim=(2, 3)), atol=0.05, rtol=0)
    steps = [(x[..., 1:] - x[..., :-1]).abs().mean() for x in (soft, inputs)]
    assert steps[0] < steps[1] / 2


def test_a_blur_is_a_gaussian_of_its_sigma() -> None:
    point = torch.zeros(1, 3, 101, 101)
    point[0, :, 50, 50] = 1

    spread = blurred(point, sigma=5.0)[0]

    assert spread.sum(dim=(1, 2)).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    offsets = torch.arange(101.0) - 50
    for axis in (1, 2):
        variance = (spread[0].sum(dim=2 - axis) * offsets**2).sum()
        assert float(variance) == pytest.approx(25, rel=0.05)


def test_upsampling_keeps_constants_and_order() -> None:
    flat = upsampled(np.full((7, 7), -0.75, np.float32), 224)
    ramp = upsampled(np.tile(np.arange(7, dtype=np.float32), (7, 1)), 224)

    assert flat.shape == ramp.shape == (224, 224)
    np.testing.assert_allclose(flat, -0.75, atol=1e-6)
    assert (np.diff(ramp, axis=1) >= 0).all()
    assert np.abs(np.diff(ramp, axis=0)).max() < 1e-5
    assert (ramp.min(), ramp.max()) == (0, 6)


def test_upsampling_puts_each_place_where_it_belongs() -> None:
    one = np.zeros((7, 7))
    one[1, 5] = 1  # float64, as a client might hold it

    row, column = np.unravel_index(int(upsampled(one, 224).argmax()), (224, 224))

    assert (row // 32, column // 32) == (1, 5)

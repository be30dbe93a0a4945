"""Test Grad-CAM: equal to Captum on the eager model, and complete."""

import dataclasses

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam

from handlers.explainers.grad_cam import grad_cam
from handlers.explainers.task import AttributionTask
from training.export import SplitResNet


@pytest.mark.parametrize("target", [0, 1])
def test_equals_captum_on_the_eager_model(
    target: int, why_cancer: AttributionTask, eager: SplitResNet
) -> None:
    wanted = LayerGradCam(eager, eager.features).attribute(why_cancer.inputs.clone(), target=target)

    found = grad_cam(dataclasses.replace(why_cancer, target=target))

    assert found.values.shape == (7, 7)
    assert found.values.dtype == np.float32
    assert found.convergence_delta is None
    assert np.abs(found.values).max() > 1e-3
    np.testing.assert_allclose(found.values, wanted[0, 0].detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("target", [0, 1])
def test_sums_to_the_logit_minus_bias(
    target: int, why_cancer: AttributionTask, eager: SplitResNet
) -> None:
    with torch.inference_mode():
        logit = float(eager(why_cancer.inputs)[0, target])

    values = grad_cam(dataclasses.replace(why_cancer, target=target)).values

    assert values.sum() == pytest.approx(logit - float(eager.head[2].bias[target]), abs=1e-4)


def test_does_not_change_the_activations(why_cancer: AttributionTask) -> None:
    before = why_cancer.activations.clone()

    grad_cam(why_cancer)

    assert torch.equal(why_cancer.activations, before)


def test_runs_the_head_only(why_cancer: AttributionTask, eager: SplitResNet) -> None:
    class Headless:
        head = eager.head

    found = grad_cam(dataclasses.replace(why_cancer, model=Headless()))

    assert found.steps == 0
    assert np.abs(found.values).max() > 1e-3

"""Test the blurred baseline."""

import pytest
import torch

from handlers.explainers.pixels import blurred


def test_a_blur_keeps_constants() -> None:
    flat = torch.tensor([0.25, -1.5, 2.0]).view(1, 3, 1, 1).expand(2, 3, 224, 224)

    torch.testing.assert_close(blurred(flat), flat.clone(), atol=1e-5, rtol=0)


def test_a_blur_keeps_the_mean_and_removes_details(inputs: torch.Tensor) -> None:
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

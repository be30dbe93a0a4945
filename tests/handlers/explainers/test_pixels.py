"""Test summing pixels to grid cells, and upsampling to the picture."""

import numpy as np
import pytest
import torch

from handlers.explainers.pixels import summed, upsampled
from tests.handlers.explainers.known import noise


def test_summing_keeps_total_and_position() -> None:
    pixels = noise(3)

    values = summed(pixels, 28)

    cells = pixels[0].sum(dim=0).numpy().reshape(28, 4, 28, 4).sum(axis=(1, 3))
    assert values.shape == (28, 28)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, cells, atol=1e-4)


def test_summing_accepts_tensors_with_gradients() -> None:
    pixels = torch.ones(1, 3, 8, 8, requires_grad=True) * 2

    assert summed(pixels, 2).tolist() == [[96, 96], [96, 96]]


def test_upsampling_keeps_constants_and_order() -> None:
    flat = upsampled(np.full((7, 7), -0.75, np.float32), 224)
    ramp = upsampled(np.tile(np.arange(7, dtype=np.float32), (7, 1)), 224)

    assert flat.shape == ramp.shape == (224, 224)
    np.testing.assert_allclose(flat, -0.75, atol=1e-6)
    assert (np.diff(ramp, axis=1) >= 0).all()
    assert np.abs(np.diff(ramp, axis=0)).max() < 1e-5
    assert (ramp.min(), ramp.max()) == (0, 6)


@pytest.mark.parametrize("places", [7, 8, 28, 56])
def test_upsampling_keeps_positions(places: int) -> None:
    one = np.zeros((places, places))
    one[1, 5] = 1  # float64, as a client might hold it

    row, column = np.unravel_index(int(upsampled(one, 224).argmax()), (224, 224))

    assert (row * places // 224, column * places // 224) == (1, 5)

"""Baselines of Integrated Gradients."""

import numpy as np
import pytest
import torch
from PIL import Image

from handlers.imaging import to_tensor
from training.evaluation.explanations.controls import BASELINES


def inputs_of(*colours: tuple[int, int, int]) -> torch.Tensor:
    return torch.stack([to_tensor(Image.new("RGB", (224, 224), colour)) for colour in colours])


@pytest.mark.parametrize("name", BASELINES)
def test_each_has_the_shape_of_the_inputs_and_leaves_them_alone(name: str) -> None:
    inputs = inputs_of((200, 150, 120), (90, 60, 50))
    before = inputs.clone()
    found = BASELINES[name](inputs)
    found.mul_(2)

    assert found.shape == inputs.shape
    assert torch.equal(inputs, before)


def test_black_is_what_a_black_picture_becomes() -> None:
    found = BASELINES["black"](inputs_of((200, 150, 120)))

    assert torch.allclose(found, inputs_of((0, 0, 0)))


def test_skin_is_the_colour_of_most_of_each_picture() -> None:
    pixels = np.full((224, 224, 3), (200, 150, 120), dtype=np.uint8)
    pixels[60:160, 60:160] = (60, 40, 30)
    inputs = torch.stack([to_tensor(Image.fromarray(pixels)), inputs_of((90, 60, 50))[0]])

    assert torch.equal(BASELINES["skin"](inputs), inputs_of((200, 150, 120), (90, 60, 50)))

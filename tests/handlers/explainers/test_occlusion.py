"""Test occlusion: the decrease of the logit per grid cell."""

import numpy as np
import pytest
import torch
from captum.attr import Occlusion

from handlers.explainers import occlusion as module
from handlers.explainers.occlusion import occlusion
from handlers.explainers.pixels import blurred
from handlers.explainers.task import AttributionTask
from tests.handlers.explainers.known import SIDE, Linear, ask
from training.export import SplitResNet


def test_linear_model_gets_the_effect_of_the_windows_over_each_cell(
    picture: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CELLS", 4)
    model = Linear()
    part = (model.weights * (picture - blurred(picture))[0]).sum(dim=0).numpy()
    places = SIDE // 28
    wanted: list[list[list[float]]] = [[[] for _ in range(places)] for _ in range(places)]
    for row in range(places - 1):
        for column in range(places - 1):
            fall = part[row * 28 : row * 28 + 56, column * 28 : column * 28 + 56].sum()
            for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
                wanted[row + i][column + j].append(float(fall))

    found = occlusion(ask(model, picture))

    assert found.values.shape == (4, 4)
    assert [len(falls) for falls in wanted[1]] == [2, 4, 4, 2]
    means = [[np.mean(falls) for falls in row] for row in wanted]
    np.testing.assert_allclose(found.values, means, atol=1e-2)


def test_grid_has_eight_cells_a_side() -> None:
    found = occlusion(
        ask(lambda inputs: inputs.mean(dim=(2, 3))[:, :2], torch.ones(1, 3, 224, 224))
    )

    assert found.values.shape == (8, 8)
    assert found.steps == 50
    # Nothing is lost where there are no details.
    np.testing.assert_allclose(found.values, 0, atol=1e-5)


def test_equals_captum_on_the_eager_model(
    why_cancer: AttributionTask, eager: SplitResNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CELLS", 4)
    wanted = Occlusion(eager).attribute(
        why_cancer.inputs,
        (3, 112, 112),
        strides=(3, 56, 56),
        baselines=blurred(why_cancer.inputs),
        target=1,
    )

    found = occlusion(why_cancer)

    assert np.abs(found.values).max() > 1e-3
    upright = found.values.repeat(56, axis=0).repeat(56, axis=1)
    for colour in wanted[0].detach().numpy():
        np.testing.assert_allclose(upright, colour, atol=1e-5)

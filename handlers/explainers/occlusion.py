"""Occlusion: how the score changes when a part of the picture is hidden."""

from __future__ import annotations

from typing import Final

import numpy as np
from torch.nn import functional

from handlers.explainers.captum_methods import Occlusion
from handlers.explainers.pixels import blurred
from handlers.explainers.task import Attribution, AttributionTask

STRIDE: Final = 28
WINDOW: Final = 2 * STRIDE
"""Pixels per side of the window; a quarter of the side of the picture."""
AT_ONCE: Final = 7


def occlusion(task: AttributionTask) -> Attribution:
    """Occlusion (Zeiler and Fergus 2014) by a blurred window, signed; grid of 8 x 8 cells.

    Cost: 50 passes forward. Meaning: by how much the target's logit falls when 56 x 56 pixels
    around a cell are blurred, the mean over the windows that cover it (1 in a corner, 4 inside).
    Nothing is assumed about the model. Interactions of distant regions are not detected.
    """
    side = task.inputs.shape[-1]
    falls = Occlusion(task.logits).attribute(
        task.inputs,
        sliding_window_shapes=(task.inputs.shape[1], WINDOW, WINDOW),
        strides=(task.inputs.shape[1], STRIDE, STRIDE),
        baselines=blurred(task.inputs),
        target=task.target,
        perturbations_per_eval=AT_ONCE,
    )
    # The same for each colour and each pixel of a cell: the mean is the value.
    values = functional.avg_pool2d(falls.mean(dim=1, keepdim=True), STRIDE)
    windows = (side - WINDOW) // STRIDE + 1
    return Attribution(np.asarray(values[0, 0].float().numpy()), steps=windows**2 + 1)

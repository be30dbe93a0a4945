"""Occlusion: how the score changes when a part of the picture is hidden."""

from __future__ import annotations

from typing import Final

import numpy as np
from torch.nn import functional

from handlers.explainers.captum_methods import Occlusion
from handlers.explainers.pixels import blurred
from handlers.explainers.task import Attribution, AttributionTask

CELLS: Final = 8
"""Cells on each side of the map; a window covers two by two."""
AT_ONCE: Final = 8


def occlusion(task: AttributionTask) -> Attribution:
    """Occlusion (Zeiler and Fergus 2014) by a blurred window, signed; grid of 8 x 8 cells.

    Cost: 50 passes forward of the served network, in the photograph's first orientation. Meaning:
    by how much the target's logit falls when a window of a quarter of the picture's side
    around a cell are blurred, the mean over the windows that cover it (1 in a corner, 4 inside).
    Nothing is assumed about the model. Interactions of distant regions are not detected.
    """
    stride = task.inputs.shape[-1] // CELLS
    window = 2 * stride
    falls = Occlusion(task.scores).attribute(
        task.inputs,
        sliding_window_shapes=(task.inputs.shape[1], window, window),
        strides=(task.inputs.shape[1], stride, stride),
        baselines=blurred(task.inputs),
        target=task.target,
        perturbations_per_eval=AT_ONCE,
    )
    # The same for each colour and each pixel of a cell: the mean is the value.
    values = functional.avg_pool2d(falls.mean(dim=1, keepdim=True), stride)
    return Attribution(np.asarray(values[0, 0].float().numpy()), steps=(CELLS - 1) ** 2 + 1)

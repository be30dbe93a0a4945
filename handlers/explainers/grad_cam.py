"""Grad-CAM, which adds almost nothing to the cost of a prediction."""

from __future__ import annotations

from torch import nn

from handlers.explainers.captum_methods import LayerGradCam
from handlers.explainers.task import Attribution, AttributionTask


def grad_cam(task: AttributionTask) -> Attribution:
    """Grad-CAM on the last activations (Selvaraju et al. 2017), signed; grid of 7 x 7 cells.

    Cost: no pass at all; the activations come from the prediction and Captum runs on the head.
    Meaning: how much each cell adds to the target's logit. The head being pooling and one linear
    layer, the map sums to the logit minus its bias. A cell is 32 x 32 pixels wide, and its
    receptive field covers most of the picture around it.
    """
    task.budget.check()
    # Captum cannot hook a scripted layer; an eager Identity in front of it can be hooked.
    entrance = nn.Identity()
    captum = LayerGradCam(nn.Sequential(entrance, task.model.head), entrance)
    values = captum.attribute(task.activations.clone(), target=task.target)
    return Attribution(values[0, 0].detach().float().numpy(), steps=0)

"""Gradients of the target's logit: as they are, smoothed, and along paths from blurred copies."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch.nn import functional

from handlers.explainers.captum_methods import GradientShap, NoiseTunnel, Saliency, seeded
from handlers.explainers.pixels import blurred, summed
from handlers.explainers.task import Attribution, AttributionTask

GRID: Final = 28
AT_ONCE: Final = 4
"""Pictures per step; a step forward and back takes as long as 10 forward."""

SMOOTH_SAMPLES: Final = 16
SMOOTH_NOISE: Final = 0.15
"""Standard deviation, as a share of the picture's range; Smilkov et al. use 0.1 to 0.2."""

SHAP_BLURS: Final = (6.0, 12.0, 18.0, 24.0)
"""Standard deviations of the blurred baselines in pixels; all are equally likely."""
SHAP_SAMPLES: Final = 5
"""Samples per baseline."""
SHAP_NOISE: Final = 0.02
"""Standard deviation, in units of the model's input."""


def saliency(task: AttributionTask) -> Attribution:
    """Magnitude of the gradient (Simonyan et al. 2013), unsigned; grid of 28 x 28 cells.

    Absolute value, maximum over colours, mean over 8 x 8 pixels. Cost: one pass forward and back.
    Meaning: how fast the target's logit changes with a pixel, up or down. It shows what the score
    is sensitive to, not what it is composed of.
    """
    inputs = task.inputs.clone().requires_grad_()
    gradients = Saliency(task.logits).attribute(inputs, target=task.target)
    return Attribution(_strength(gradients), steps=1)


def smooth_grad(task: AttributionTask) -> Attribution:
    """Magnitude of the mean gradient over noisy copies (Smilkov et al. 2017), unsigned.

    Pooled to 28 x 28 cells like :func:`saliency`. Cost: 16 passes forward and back. Meaning: that
    of saliency, without what holds for this exact picture only and not for similar ones.
    """
    spread = float(task.inputs.max() - task.inputs.min())
    with seeded():
        gradients = NoiseTunnel(Saliency(task.logits)).attribute(
            task.inputs,
            nt_samples=SMOOTH_SAMPLES,
            nt_samples_batch_size=AT_ONCE,
            stdevs=SMOOTH_NOISE * spread,
            target=task.target,
            abs=False,
        )
    return Attribution(_strength(gradients), SMOOTH_SAMPLES)


def gradient_shap(task: AttributionTask) -> Attribution:
    """Expected gradients (Lundberg and Lee 2017, Erion et al. 2021), signed; 28 x 28 cells.

    The gradient at random points between the picture and blurred copies of it, times the
    difference from the blurred copy. Cost: 20 passes forward and back, 5 forward. Meaning: what
    the details of each cell add to the target's logit, averaged over blurs from fine to coarse.
    """
    inputs = task.inputs
    baselines = torch.cat([blurred(inputs, sigma) for sigma in SHAP_BLURS])
    captum = GradientShap(task.logits)
    with seeded():
        # One baseline per call, not a random choice of all: less variance in the mean, and
        # smaller steps.
        attributions = torch.cat(
            [
                captum.attribute(
                    inputs,
                    baselines=baseline,
                    n_samples=SHAP_SAMPLES,
                    stdevs=SHAP_NOISE,
                    target=task.target,
                )
                for baseline in baselines.split(1)
            ]
        )
    values = summed(attributions.mean(dim=0, keepdim=True), GRID)
    with torch.no_grad():
        logits = task.logits(torch.cat([inputs, baselines]))[:, task.target].double()
    # Captum's own delta is that of each noisy copy, and costs two more passes per sample.
    difference = float(logits[0] - logits[1:].mean())
    return Attribution(
        values,
        steps=len(SHAP_BLURS) * SHAP_SAMPLES + len(logits),
        convergence_delta=float(values.sum(dtype=np.float64)) - difference,
    )


def _strength(gradients: torch.Tensor) -> np.ndarray:
    strongest = gradients.detach().abs().amax(dim=1, keepdim=True)
    pooled = functional.avg_pool2d(strongest, strongest.shape[-1] // GRID)
    return np.asarray(pooled[0, 0].float().numpy())

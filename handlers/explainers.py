"""Attribution methods by name, through Captum: which part of a photograph spoke for the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from handlers.captum_methods import IntegratedGradients, LayerAttribution, LayerGradCam

IG_STEPS: Final = 24
IG_BATCH: Final = 8
IG_GRID: Final = 28
BLUR_SIGMA: Final = 12.0


class UnknownMethodError(ValueError):
    """There is no method of this name; the message lists those there are."""


@dataclass(frozen=True)
class Attribution:
    """How much each place of a photograph spoke for (above 0) or against (below 0) the target."""

    values: np.ndarray
    """float32 of shape (h, w), in units of the target's logit."""
    convergence_delta: float | None = None
    """For path methods: sum of the attributions minus the difference of the logits."""


Method = Callable[[Any, torch.Tensor, torch.Tensor, int], Attribution]


def grad_cam(
    model: Any, inputs: torch.Tensor, activations: torch.Tensor, target: int
) -> Attribution:
    """Grad-CAM on the last activations (Selvaraju et al. 2017), signed; 7 x 7 places.

    Costs no forward pass: the activations come from the prediction and Captum runs on the
    head alone. The head being pooling and one linear layer, the map sums to the target's
    logit less its bias.

    Args:
        model: with a submodule ``head``.
        inputs: not used.
        activations: shape (1, 512, 7, 7).
        target: class index.
    """
    del inputs
    # Captum cannot hook a scripted layer; an eager Identity in front of it can be hooked.
    entrance = nn.Identity()
    captum = LayerGradCam(nn.Sequential(entrance, model.head), entrance)
    values = captum.attribute(activations.clone(), target=target)
    return Attribution(values[0, 0].detach().float().numpy())


def integrated_gradients(
    model: Any, inputs: torch.Tensor, activations: torch.Tensor, target: int
) -> Attribution:
    """Integrated Gradients (Sundararajan et al. 2017) from a blurred copy, Gauss-Legendre.

    A blurred copy converges in far fewer steps than black, and asks the better question: what
    do the details of this skin add? Summed over colours and over 8 x 8 pixels to 28 x 28
    places, which keeps the sum, so completeness can be checked on the answer.

    Args:
        model: called on inputs.
        inputs: shape (1, 3, 224, 224).
        activations: not used.
        target: class index.
    """
    del activations
    captum = IntegratedGradients(model)
    attributions, delta = captum.attribute(
        inputs,
        baselines=blurred(inputs),
        target=target,
        n_steps=IG_STEPS,
        method="gausslegendre",
        internal_batch_size=IG_BATCH,
        return_convergence_delta=True,
    )
    cell = inputs.shape[-1] // IG_GRID
    summed = functional.avg_pool2d(attributions.sum(dim=1, keepdim=True), cell) * cell**2
    return Attribution(summed[0, 0].detach().float().numpy(), float(delta[0]))


METHODS: Final[dict[str, Method]] = {
    "grad_cam": grad_cam,
    "integrated_gradients": integrated_gradients,
}
DEFAULT: Final = "grad_cam"


def method_named(name: str) -> Method:
    """The method of a name; raises UnknownMethodError."""
    try:
        return METHODS[name]
    except KeyError:
        known = ", ".join(METHODS)
        raise UnknownMethodError(f"unknown method {name[:40]!r}; there are: {known}") from None


def blurred(inputs: torch.Tensor, sigma: float = BLUR_SIGMA) -> torch.Tensor:
    """A Gaussian blur of inputs of shape (n, 3, h, w); sigma in pixels."""
    reach = int(3 * sigma)
    offsets = torch.arange(-reach, reach + 1, dtype=inputs.dtype)
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(inputs.shape[1], 1, -1)
    padded = functional.pad(inputs, (reach, reach, reach, reach), mode="reflect")
    rows = functional.conv2d(padded, kernel.unsqueeze(2), groups=inputs.shape[1])
    return functional.conv2d(rows, kernel.unsqueeze(3), groups=inputs.shape[1])


def upsampled(values: np.ndarray, side: int) -> np.ndarray:
    """Attribution values of shape (h, w) on side x side pixels, bilinear."""
    grid = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None, None]
    return np.asarray(LayerAttribution.interpolate(grid, (side, side), "bilinear")[0, 0].numpy())

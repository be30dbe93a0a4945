"""From an explained photograph to what its client reads: numbers, pictures, where it points."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from PIL import Image

from handlers import explainers, imaging, rendering, segmentation
from handlers.classifier import CANCER, Forward
from handlers.protocol import Instance
from handlers.telemetry import Recorder

TARGETS: Final = ("cancer", "predicted")


def check_options(instance: Instance) -> None:
    """Raise UnknownMethodError or ValueError where a method or a target does not exist."""
    explainers.method_named(instance.method or explainers.DEFAULT)
    if instance.target is not None and instance.target not in TARGETS:
        known = ", ".join(TARGETS)
        raise ValueError(f"unknown target {instance.target[:40]!r}; there are: {known}")


def explain(
    model: Any,
    view: Image.Image,
    inputs: torch.Tensor,
    forward: Forward,
    label: int,
    instance: Instance,
    recorder: Recorder,
) -> dict[str, Any]:
    """The fields that an explanation adds to the prediction of one photograph.

    Args:
        model: the TorchScript module.
        view: what the model saw, RGB.
        inputs: the same as shape (1, 3, 224, 224).
        forward: the pass that answered it.
        label: that was answered.
        instance: names method and target.
        recorder: told how long it took.
    """
    name = instance.method or explainers.DEFAULT
    target = instance.target or TARGETS[0]
    index = CANCER if target == "cancer" else label
    with recorder.stage("explain"):
        attribution = explainers.method_named(name)(model, inputs, forward.activations, index)
    with recorder.stage("render"):
        values = explainers.upsampled(attribution.values, imaging.SIDE)
        scale = rendering.scale_of(attribution.values)
        heat = rendering.heatmap(values, scale)
        laid_over = rendering.overlay(view, values, scale)
        return {
            "method": name,
            "target": target,
            "heatmap": _png_text(heat),
            "overlay": _png_text(laid_over),
            "attribution": {
                "shape": list(attribution.values.shape),
                "values": _significant(attribution.values),
            },
            "scale": float(f"{scale:.6g}"),
            "convergence_delta": attribution.convergence_delta,
            "lesion_mass": lesion_mass(values, view),
        }


def method_label(instances: Sequence[Instance]) -> str:
    """The methods of a request as one label value out of a fixed set."""
    names = {instance.method or explainers.DEFAULT for instance in instances}
    if len(names) != 1:
        return "several" if names else "none"
    name = names.pop()
    return name if name in explainers.METHODS else "unknown"


def lesion_mass(values: np.ndarray, view: Image.Image) -> float | None:
    """Share of what speaks for the target that lies inside the rough outline of the lesion.

    Args:
        values: attribution of shape (224, 224).
        view: what the model saw, RGB of the same size.
    """
    mask = segmentation.rough_mask(view)
    positive = np.maximum(values, 0.0)
    total = float(positive.sum())
    if mask is None or total <= 0:
        return None
    return round(float(positive[mask].sum()) / total, 4)


def _png_text(image: Image.Image) -> str:
    return base64.b64encode(rendering.png(image)).decode("ascii")


def _significant(values: np.ndarray) -> list[list[float]]:
    return [[float(f"{value:.6g}") for value in row] for row in values]

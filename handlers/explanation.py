"""Turn an attribution into response fields: numbers, pictures and lesion mass."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image

from handlers import rendering, segmentation
from handlers.answers import AttributionFields
from handlers.explainers.methods import (
    DEFAULT,
    NAMES,
    check_name,
    method_named,
)
from handlers.explainers.pixels import upsampled
from handlers.explainers.task import AttributionTask
from handlers.labels import CANCER
from handlers.protocol import Instance
from handlers.similar_cases import SIMILAR_CASES
from handlers.telemetry import Recorder

TARGETS: Final = ("cancer", "predicted")


class NoAttributionError(RuntimeError):
    """A method, named by the message, returned numbers that are not finite."""


def check_options(instance: Instance) -> None:
    """Check method and target; raises UnknownMethodError or ValueError."""
    check_name(method_of(instance))
    if instance.target is not None and instance.target not in TARGETS:
        known = ", ".join(TARGETS)
        raise ValueError(f"unknown target {instance.target[:40]!r}; there are: {known}")


def method_of(instance: Instance) -> str:
    """Return the name of the requested method."""
    return DEFAULT if instance.method is None else instance.method


def is_slow(instance: Instance) -> bool:
    """Whether the requested method takes longer than a handful of predictions."""
    name = method_of(instance)
    return name != SIMILAR_CASES and method_named(name).slow


def fields(
    task: AttributionTask,
    view: Image.Image,
    instance: Instance,
    recorder: Recorder,
) -> AttributionFields:
    """Compute the fields that an explanation adds to the prediction of one photograph.

    Args:
        task: what is asked of the model.
        view: what the model saw, RGB.
        instance: names the method and what the target is called.
        recorder: told how long it took.

    Raises:
        OutOfTimeError: the method used up its time.
        NoAttributionError: it gave numbers that are not finite.
    """
    name = method_of(instance)
    method = method_named(name)
    with recorder.stage("explain"):
        attribution = method.explain(task)
    if not np.isfinite(attribution.values).all():
        raise NoAttributionError(name)
    with recorder.stage("render"):
        values = upsampled(attribution.values, view.width)
        scale = rendering.scale_of(attribution.values)
        heat = rendering.heatmap(values, scale, signed=method.signed)
        laid_over = rendering.overlay(view, values, scale, signed=method.signed)
        return {
            "method": name,
            "target": instance.target or TARGETS[0],
            "heatmap": _png_text(heat),
            "overlay": _png_text(laid_over),
            "attribution": {
                "shape": list(attribution.values.shape),
                "values": _significant(attribution.values),
            },
            "signed": method.signed,
            "scale": float(f"{scale:.6g}"),
            "steps": attribution.steps,
            "convergence_delta": attribution.convergence_delta,
            "lesion_mass": lesion_mass(values, view),
        }


def target_of(instance: Instance, label: int) -> int:
    """Return the class whose logit is explained; ``label`` is the predicted one."""
    return CANCER if (instance.target or TARGETS[0]) == "cancer" else label


def method_label(instances: Sequence[Instance]) -> str:
    """Return the methods of a request as one label value out of a fixed set."""
    names = {method_of(instance) for instance in instances}
    if len(names) != 1:
        return "several" if names else "none"
    name = names.pop()
    return name if name in NAMES else "unknown"


def lesion_mass(values: np.ndarray, view: Image.Image) -> float | None:
    """Share of the positive attribution that lies inside the rough outline of the lesion.

    Args:
        values: attribution of shape (side, side).
        view: what the model saw, RGB of the same size.
    """
    mask = segmentation.rough_mask(view)
    positive = np.maximum(values, 0.0)
    total = float(positive.sum())
    if mask is None or total <= 0:
        return None
    return round(float(positive[mask].sum()) / total, 4)


def _png_text(image: Image.Image) -> str:
    return base64.b64encode(rendering.encode_png(image)).decode("ascii")


def _significant(values: np.ndarray) -> list[list[float]]:
    return [[float(f"{value:.6g}") for value in row] for row in values]

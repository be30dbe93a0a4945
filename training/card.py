"""Write ``card.json``: the model's description, its origin and its scores."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from handlers.card import (
    Backends,
    Card,
    Cases,
    MeasuredBackend,
    OperatingPoint,
    Parameters,
    Review,
    Scores,
    TrainingData,
    Tried,
    Variants,
)
from handlers.documents import to_json
from handlers.drift import Baseline
from handlers.imaging import PREPROCESSING
from handlers.labels import LABELS
from handlers.variants import FittedVariant
from training import backends
from training.backbone import Backbone
from training.calibration import PREVALENCE
from training.dataset import Dataset
from training.head import Head
from training.recipes import Recipe

ARCHITECTURES: Final = {
    "head": "ResNet-18, frozen, with a fitted final layer",
    "layer4": "ResNet-18, frozen; a fitted layer4 in parallel to it, a fitted final layer on both",
    "all": "ResNet-18, fitted",
}


@dataclass(frozen=True, kw_only=True)
class TrainedCard(Card):
    """Card of a model that was trained here: it has what serving can do without, too."""

    finetune: str
    parameters: Parameters
    tried: list[Tried]
    data: TrainingData
    backbone: dict[str, str]
    metrics: Scores
    scores: dict[str, Scores]
    versions: dict[str, str]


@dataclass(frozen=True)
class Serving:
    """How the model is served."""

    calibration: OperatingPoint
    """Of the default variant."""
    baseline: Baseline
    """Of plain TorchScript."""
    variants: Variants
    documents: Mapping[str, FittedVariant]
    """Of the other variants, by name."""
    backends: dict[str, MeasuredBackend]
    """Float32 backends."""
    cases: Cases = field(default_factory=Cases)
    """What answers show of the training photographs."""


def model_card(
    dataset: Dataset,
    backbone: Backbone,
    head: Head,
    recipe: Recipe,
    serving: Serving,
    scores: dict[str, Scores],
) -> TrainedCard:
    """Describe a trained model.

    ``model_version`` names the data and the weights it came from and eight digits over
    everything that decides an answer, so two models never share a version.
    """
    calibration, measured = serving.calibration, serving.backends
    order = backends.order(measured)
    decisive = {
        "data": dataset.digest,
        "backbone": backbone.digest,
        "head": hashlib.sha256(head.weights.tobytes()).hexdigest(),
        "bias": head.bias,
        "temperature": calibration.temperature,
        "threshold": calibration.threshold,
        "band": calibration.near_threshold,
        "baseline": to_json(serving.baseline),
        "preprocessing": PREPROCESSING,
        "variants": {name: to_json(one) for name, one in sorted(serving.documents.items())},
        "order": serving.variants.order,
        "cases": to_json(serving.cases),
        "calibrations": {
            name: to_json(one.calibration) for name, one in serving.variants.measured.items()
        },
    }
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
    return TrainedCard(
        model_version=f"{dataset.source}-{backbone.source}-{digest[:8]}",
        labels=list(LABELS),
        threshold=calibration.threshold,
        temperature=calibration.temperature,
        prevalence=PREVALENCE,
        review=Review(calibration.near_threshold),
        preprocessing=PREPROCESSING,
        architecture=ARCHITECTURES[recipe.name],
        finetune=recipe.name,
        parameters=recipe.parameters,
        tried=[
            {"augmentation": name, "C": strength, "log_loss_held_out": round(loss, 4)}
            for name, strength, loss in recipe.choice.tried
        ],
        data={
            "source": dataset.source,
            "digest": dataset.digest,
            "counts": dataset.counts(),
            "left_out": len(dataset.left_out),
            "colour_profiles": dataset.colour_profiles(),
        },
        backbone={"source": backbone.source, "digest": backbone.digest},
        metrics=scores["test"],
        scores=scores,
        variants=serving.variants,
        backends=Backends(order, measured),
        cases=serving.cases,
        versions={"python": platform.python_version(), **_versions()},
        warning="Not a medical device. A tool for research and teaching.",
    )


def _versions() -> dict[str, str]:
    """Return the versions of the packages that affect the numbers."""
    found = {name: version(name) for name in ("torch", "torchvision", "pillow", "scikit-learn")}
    for name in ("openvino", "nncf"):  # optional for training
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found

"""``make benchmark NAME=stress``: labels that change under changes that must not matter.

Only the report's table of stress tests, for the default serving variant and for plain TorchScript,
and the labels that change when a photograph is flipped or turned.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from PIL import Image

from handlers.card import Interval
from handlers.variants import PORTABLE
from training.console import RunLog
from training.dataset import Photograph
from training.evaluation.model_report import spread_test
from training.evaluation.served import Served
from training.evaluation.stress import robustness
from training.evaluation.trained import TrainedModel
from training.intervals import share
from training.perturbations import opened
from training.settings import TrainingSettings

ORIENTATIONS: Final = tuple(Image.Transpose)
"""With the photograph as it is, the eight symmetries of a square."""


def measure(_options: argparse.Namespace) -> dict[str, Any]:
    """Measure the trained model on its test folder.

    Raises:
        RuntimeError: the model was trained on other photographs, or there is none.
    """
    log, settings = RunLog(), TrainingSettings()
    trained = TrainedModel.load(settings, log)
    photographs = spread_test(trained.found)
    default: str = trained.card.variants.order[0]
    found: dict[str, Any] = {}
    for name in dict.fromkeys((default, PORTABLE.name)):
        log.say(name)
        served = Served(settings.model_folder, name)
        found[name] = {
            "orientations": orientation_flips(served, photographs),
            **robustness.measure(served, photographs, settings.seed, log.progress),
        }
    return {
        "model_version": trained.card.model_version,
        "photographs": len(photographs),
        "default": default,
        "variants": found,
    }


def orientation_flips(served: Served, photographs: Sequence[Photograph]) -> Interval:
    """Compute the share of photographs with another label in any of the eight orientations."""
    labels = [
        [decision.label for decision in served.decide(_turned(photographs, way))]
        for way in (None, *ORIENTATIONS)
    ]
    return share(np.ptp(labels, axis=0) > 0)


def _turned(photographs: Sequence[Photograph], way: Image.Transpose | None) -> list[Image.Image]:
    pictures = [opened(photo) for photo in photographs]
    return pictures if way is None else [picture.transpose(way) for picture in pictures]

"""``make benchmark NAME=similar_cases``: labels of the most similar training photographs.

For each photograph of the test folder, the share of the nearest training photographs with its own
label, against chance: how common that label is among all training photographs of the archive. Also
what such an answer costs, as it is served.
"""

from __future__ import annotations

import argparse
from typing import Any, Final

import numpy as np

from benchmarks.client import client_of, timed
from benchmarks.explaining import asked, compared
from handlers import threads
from handlers.card import Interval
from handlers.classifier import Classifier
from handlers.decoding import decode
from handlers.labels import LABELS
from handlers.similar_cases import COUNT, SIMILAR_CASES
from loadtests.photographs import bodies
from loadtests.settings import LoadSettings
from serving.local import temporary_server
from training.answers import Answers
from training.dataset import labels, load, locate
from training.intervals import mean
from training.settings import TrainingSettings

SEED: Final = 1
WARM: Final = 5
PAIRS: Final = 60
"""Pairs of a prediction and similar cases of one photograph, by a single client."""


def measure(_options: argparse.Namespace) -> dict[str, Any]:
    """Measure shares on the test folder, and the latency of a server.

    Raises:
        RuntimeError: the model was trained before labels were kept.
    """
    settings = TrainingSettings()
    source, folder = locate(settings, lambda *_: None, print)
    photographs = load(source, folder, lambda *_: None).test
    classifier = Classifier.load(settings.model_folder, "", threads.cores())
    reference, own = classifier.baseline.reference, labels(photographs)
    if reference.labels is None:
        raise RuntimeError("the model was trained before labels were kept: `make train`")
    known = reference.labels
    images = (classifier.preprocess(decode(photo.path.read_bytes())) for photo in photographs)
    near = [
        reference.nearest(image.forward.features[0], COUNT) for image in classifier.classify(images)
    ]
    right = np.array(
        [np.mean(known[places] == label) for (places, _), label in zip(near, own, strict=True)]
    )
    common = np.array([np.mean(known == label) for label in range(len(LABELS))])
    free = Answers.read(settings.build / "answers.npz").leak_free
    groups = {
        "all": np.ones(len(own), dtype=bool),
        **{name: own == label for label, name in enumerate(LABELS)},
        "without near-duplicates": free,
    }
    return {
        "source": source,
        "model_version": classifier.version,
        "variant": classifier.variant.name,
        "nearest": COUNT,
        "references": len(known),
        "groups": {
            name: _group(right[chosen], common[own[chosen]]) for name, chosen in groups.items()
        },
        "nearest_distance": round(float(np.median([distances[0] for _, distances in near])), 4),
        "served": _served(),
    }


def _group(right: np.ndarray, chance: np.ndarray) -> dict[str, int | float | Interval]:
    return {
        "photographs": len(right),
        "right": mean(right, SEED),
        "chance": round(float(chance.mean()), 4),
        "gain": mean(right - chance, SEED),
    }


def _served() -> dict[str, object]:
    """Measure one client that predicts and asks for similar cases alternately."""
    photographs = bodies(LoadSettings())
    times: dict[str, list[float]] = {"predict": [], "explain": []}
    with temporary_server() as server, client_of(server.inference) as client:
        for number in range(WARM + PAIRS):
            body = photographs[number % len(photographs)]
            for verb in list(times)[:: 1 if number % 2 else -1]:
                seconds, _ = timed(client, verb, asked(body, SIMILAR_CASES))
                if number >= WARM:
                    times[verb].append(seconds)
    return compared(times["predict"], times["explain"])

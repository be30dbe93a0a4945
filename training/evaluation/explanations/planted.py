"""Train a model on a planted artefact: its explanations must show the artefact.

What a real model uses is unknown; what this one uses is known. Coloured patches next to the lesion
are what models of the ISIC archive were found to use (Rieger et al. 2020).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw

from handlers.explainers.task import AttributionTask
from handlers.imaging import SIDE, centre_view, decode, to_tensor
from training import head
from training.cache import Arrays
from training.dataset import Photograph, Progress
from training.evaluation.explanations.localisation import Outlined
from training.evaluation.explanations.randomisation import Frozen, network_of, with_head
from training.evaluation.explanations.subjects import Explained, Subject
from training.head import Head

LEARNED: Final = 220
"""Photographs for the final layer, each with the patch and without: the classes differ in nothing
else."""
PATCH: Final = 32
"""Pixels on each side of the patch."""
INSET: Final = 8
"""Pixels between the patch and the two edges of its corner."""
COLOUR: Final = (0, 150, 60)
"""Green, which skin is not: the frozen backbone, which was not trained on patches, must detect
it."""
PLANTED: Final = 1
"""Class of the photographs with the patch."""
STRENGTH: Final = 0.1
"""Strength of the regularisation; from 0.01 to 1 the accuracy is the same."""


@dataclass(frozen=True)
class PlantedArtefactModel:
    """A model that classifies whether there is a patch."""

    network: Frozen
    accuracy: float
    """Accuracy on held-out photographs, each with the patch and without."""
    held_out: tuple[Photograph, ...]
    digest: str
    """Digest of the photographs for training and test."""

    def outlined(self) -> Iterator[Outlined]:
        """Yield each held-out photograph with the patch and its outline."""
        for photo in self.held_out:
            view, mask = planted(photo)
            yield Outlined(Subject(photo.digest, view, to_tensor(view)[None], PLANTED), mask)

    def task(self, subject: Subject) -> AttributionTask:
        """Make an attribution task for the class with the patch."""
        return self.network.task(subject.inputs, subject.target)


def train(
    explained: Explained, photographs: Sequence[Photograph], count: int, progress: Progress
) -> PlantedArtefactModel:
    """Fit a final layer to the patch, on the convolutions of the trained model.

    Args:
        explained: the trained model.
        photographs: two at least; nothing is asked of their labels.
        count: held out, at most a quarter of the photographs.
        progress: called with (what, done, total).
    """
    hold = max(1, min(count, len(photographs) // 4))
    held_out, learned = photographs[:hold], photographs[hold : hold + LEARNED]
    described = "".join(photo.digest for photo in (*held_out, *learned))
    digest = hashlib.sha256(f"{hold} {described}".encode()).hexdigest()[:16]

    def compute() -> Arrays:
        fitted = head.fit(*_examples(explained, learned, progress), STRENGTH)
        views, truth = _examples(explained, held_out, progress)
        right = (fitted.log_odds(views[:, 0]) > 0) == (truth == PLANTED)
        return fitted.weights, np.asarray(fitted.bias), np.asarray(right.mean())

    weights, bias, accuracy = explained.kept.get(f"planted/{digest}", compute)
    layer = Head(weights, float(bias)).layer()
    own = with_head(network_of(explained), layer)
    network = Frozen(own, explained.classifier.variant)
    return PlantedArtefactModel(network, float(accuracy), tuple(held_out), digest)


def planted(photo: Photograph) -> tuple[Image.Image, np.ndarray]:
    """Paint a patch in one of the corners of a photograph, chosen by its digest.

    Returns:
        What the model sees, RGB of 224 x 224 pixels, and where the patch is, bool of the same
        shape.
    """
    view = centre_view(decode(photo.path.read_bytes()))
    corner = int(photo.digest[:8], 16) % 4
    near, far = INSET, SIDE - INSET - PATCH
    left, top = (near, far)[corner % 2], (near, far)[corner // 2]
    box = (left, top, left + PATCH - 1, top + PATCH - 1)
    ImageDraw.Draw(view).rectangle(box, fill=COLOUR)
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[top : top + PATCH, left : left + PATCH] = True
    return view, mask


def _examples(
    explained: Explained, photographs: Sequence[Photograph], progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Compute features of shape (2 n, 1, width) and labels: without the patch and with it."""
    features: list[Any] = []
    for done, photo in enumerate(photographs, 1):
        plain = centre_view(decode(photo.path.read_bytes()))
        for view in (plain, planted(photo)[0]):
            features.append(explained.classifier.forward(to_tensor(view)[None]).features)
        progress("learn a patch", done, len(photographs))
    labels = np.tile((1 - PLANTED, PLANTED), len(photographs))
    return np.stack(features), labels

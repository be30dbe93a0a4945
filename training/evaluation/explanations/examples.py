"""Example photographs with the map of each method: right, wrong and flagged answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image

from handlers import rendering
from handlers.explainers.methods import METHODS
from handlers.explainers.pixels import upsampled
from handlers.imaging import SIDE, preprocess
from handlers.labels import LABELS
from handlers.prediction import Decision
from training.dataset import CLASSES, Photograph, Progress
from training.evaluation.explanations.subjects import Explained, Subject

KINDS: Final = ("correct", "wrong", "flagged")
"""Kinds of examples; a flagged answer is not counted as right or wrong."""
EACH: Final = 2
"""Examples of each kind and true label."""
MOST: Final = 400
"""Maximum number of photographs that are examined."""


@dataclass(frozen=True)
class ExampleMap:
    """The map of one method, laid over its photograph."""

    overlay: Image.Image
    scale: float
    """Attribution of the strongest colour, in the method's unit."""
    shape: tuple[int, int]
    signed: bool


@dataclass(frozen=True)
class Example:
    """A photograph, what the model said of it, and the map of each method."""

    kind: str
    """One of ``KINDS``."""
    label: str
    """Name of the folder that it was filed in."""
    probability: float
    threshold: float
    answer: str
    reasons: tuple[str, ...]
    target: str
    """The answer that the maps explain."""
    original: Image.Image
    maps: dict[str, ExampleMap]


def examples(
    explained: Explained, photographs: Sequence[Photograph], progress: Progress
) -> list[Example]:
    """Choose the first of each kind and true label in the order of their digests.

    Args:
        explained: the trained model.
        photographs: of the test.
        progress: called with (what, done, total).
    """
    found: dict[tuple[str, str], list[Example]] = {
        (kind, label): [] for kind in KINDS for label in CLASSES
    }
    for photo, subject, decision in _answered(explained, photographs[:MOST]):
        kind, label = kind_of(decision, photo.label), CLASSES[photo.label]
        if len(found[kind, label]) < EACH:
            found[kind, label].append(
                Example(
                    kind,
                    label,
                    decision.probability,
                    explained.classifier.threshold,
                    LABELS[decision.label],
                    tuple(decision.reasons),
                    LABELS[subject.target],
                    subject.view,
                    _maps(explained, subject),
                )
            )
        progress("examples", sum(map(len, found.values())), EACH * len(found))
        if all(len(place) == EACH for place in found.values()):
            break
    return [one for place in found.values() for one in place]


def kind_of(decision: Decision, label: int) -> str:
    """Return which of ``KINDS`` an answer belongs to."""
    if decision.review:
        return "flagged"
    return "correct" if decision.label == label else "wrong"


def _answered(
    explained: Explained, photographs: Sequence[Photograph]
) -> Iterator[tuple[Photograph, Subject, Decision]]:
    for photo in photographs:
        subject = explained.photograph(photo)
        (classified,) = explained.classifier.classify([preprocess(subject.view)])
        yield photo, subject, classified.decision


def _maps(explained: Explained, subject: Subject) -> dict[str, ExampleMap]:
    maps = {}
    for name, method in METHODS.items():
        values = explained.attribution(subject, name).values
        height, width = values.shape
        scale, smooth = rendering.scale_of(values), upsampled(values, SIDE)
        overlay = rendering.overlay(subject.view, smooth, scale, signed=method.signed)
        maps[name] = ExampleMap(overlay, scale, (height, width), method.signed)
    return maps

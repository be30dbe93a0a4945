"""Example photographs with the map of each method: right, wrong and flagged answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from handlers import rendering
from handlers.classifier import LABELS, Decision
from handlers.explainers.methods import METHODS
from handlers.explainers.pixels import upsampled
from handlers.imaging import SIDE, preprocess
from training.dataset import CLASSES, Photograph, Progress
from training.evaluation.explanations.subjects import Explained, Subject

KINDS: Final = ("correct", "wrong", "flagged")
"""Kinds of examples; a flagged answer is not counted as right or wrong."""
EACH: Final = 2
"""Examples of each kind and true label."""
MOST: Final = 400
"""Maximum number of photographs that are examined."""


def examples(
    explained: Explained, photographs: Sequence[Photograph], progress: Progress
) -> list[dict[str, Any]]:
    """Choose the first of each kind and true label in the order of their digests.

    Args:
        explained: the trained model.
        photographs: of the test.
        progress: called with (what, done, total).

    Returns:
        For each ``kind``, ``label``, ``probability``, ``threshold``, ``answer``, ``reasons``,
        ``target`` (the answer that the maps explain), ``original`` (a picture) and ``maps``: for
        each method ``overlay`` (a picture), ``scale``, ``shape`` and ``signed``.
    """
    found: dict[tuple[str, str], list[dict[str, Any]]] = {
        (kind, label): [] for kind in KINDS for label in CLASSES
    }
    for photo, subject, decision in _answered(explained, photographs[:MOST]):
        label = CLASSES[photo.label]
        place = found[kind_of(decision, photo.label), label]
        if len(place) < EACH:
            place.append(
                {
                    "kind": kind_of(decision, photo.label),
                    "label": label,
                    "probability": decision.probability,
                    "threshold": explained.classifier.threshold,
                    "answer": LABELS[decision.label],
                    "reasons": list(decision.reasons),
                    "target": LABELS[subject.target],
                    "original": subject.view,
                    "maps": _maps(explained, subject),
                }
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


def _maps(explained: Explained, subject: Subject) -> dict[str, Any]:
    maps = {}
    for name, method in METHODS.items():
        values = explained.attribution(subject, name).values
        scale = rendering.scale_of(values)
        smooth = upsampled(values, SIDE)
        maps[name] = {
            "overlay": rendering.overlay(subject.view, smooth, scale, signed=method.signed),
            "scale": scale,
            "shape": list(values.shape),
            "signed": method.signed,
        }
    return maps

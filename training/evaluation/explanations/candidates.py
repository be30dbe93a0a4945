"""Candidate methods: measured like the methods of the service, but not offered by it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from inspect import getfile
from pathlib import Path
from typing import Final

import torch

from handlers import segmentation
from handlers.explainers.grad_cam import grad_cam
from handlers.explainers.lime import cut, lime
from handlers.explainers.methods import DEFAULT, Method
from handlers.explainers.task import Attribution, AttributionTask
from handlers.orientations import FLIPS, Orientation
from training.evaluation.explanations import outline, rise
from training.evaluation.explanations.subjects import Explained, Subject

REFERENCES: Final = (DEFAULT, "lime")
"""Methods of the service with which candidates are compared."""


@dataclass(frozen=True)
class CandidateTask(AttributionTask):
    """A task whose method may ask for the activations of the photograph in other orientations."""

    features: Callable[[torch.Tensor], torch.Tensor] = field(kw_only=True)
    """The served network before pooling, from (n, 3, side, side) to (n, width, h, w)."""


def grad_cam_8(task: CandidateTask) -> Attribution:
    """Grad-CAM as the mean over all eight orientations, each mapped back to the photograph.

    Cost: 8 passes forward of the served network. Meaning: that of Grad-CAM, whose map is linear in
    the activations: the mean of the maps is the map of the mean.
    """
    picture = task.inputs[0]
    means = []
    for transpose in (False, True):
        orientation = Orientation(flip_columns=False, flip_rows=False, transpose=transpose)
        with torch.inference_mode():
            maps = task.features(orientation.turned(picture, len(FLIPS)))
        means.append(orientation.mapped_back(maps).mean(dim=0))
    found = grad_cam(replace(task, activations=torch.stack(means).mean(dim=0)[None]))
    return replace(found, steps=2 * len(FLIPS))


CANDIDATES: Final[Mapping[str, Callable[[CandidateTask], Attribution]]] = {
    "rise": rise.rise,
    "lime_outline": partial(lime, pieces_of=outline.outlined),
    "lime_49": partial(lime, pieces_of=partial(cut, grid=7)),
    "grad_cam_8": grad_cam_8,
}
FORWARDS: Final = Method(lime, slow=True, gradients=False)
"""What a candidate runs: the served network, forwards only."""


def attribution(explained: Explained, subject: Subject, name: str) -> Attribution:
    """Return the map of a candidate, computed once.

    Args:
        explained: the trained model.
        subject: the photograph.
        name: of the candidate.
    """

    def ask() -> CandidateTask:
        task = explained.task(subject.inputs, subject.target, FORWARDS)
        return CandidateTask(**vars(task), features=explained.classifier.backend.run)

    key = f"candidates/{digest()}/{subject.name}-{subject.target}-{name}"
    return explained.attributed(key, CANDIDATES[name], ask)


@cache
def digest() -> str:
    """Return the digest of the candidates' code: another one's results are not used.

    The cache's folder depends on the code of the service's methods only, so that a change of a
    candidate does not discard their results.
    """
    found = hashlib.sha256(Path(__file__).read_bytes())
    for module in (outline, rise, segmentation):
        found.update(Path(getfile(module)).read_bytes())
    return found.hexdigest()[:8]

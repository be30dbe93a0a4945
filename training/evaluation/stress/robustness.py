"""Measure how the score changes under perturbations that do not change the lesion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from zlib import crc32

import numpy as np
from PIL import Image

from handlers.colours import to_srgb
from handlers.imaging import decode
from handlers.prediction import Decision
from training.dataset import Photograph, Progress, labels
from training.evaluation.served import Served, probabilities
from training.evaluation.stress.documents import Robustness, Stressed
from training.evaluation.stress.perturbations import (
    PERTURBATIONS,
    Change,
    cover_mask,
    covered,
    square,
)
from training.intervals import share
from training.scores import auroc_change, auroc_interval

ACCEPTED: Final = (0.35, 0.65)
"""AUROC that is accepted with the lesion covered: chance, with a tolerance."""


def measure(
    served: Served, photographs: Sequence[Photograph], seed: int, progress: Progress
) -> Robustness:
    """Measure AUROC and label flips under each perturbation, and with the lesion covered.

    Args:
        served: the model.
        photographs: of the test, n.
        seed: of the perturbations and the resampling.
        progress: called with (what, done, total).
    """
    truth = labels(photographs)
    total = len(PERTURBATIONS) + 2

    def ask(change: Change | None, name: str, done: int) -> list[Decision]:
        decisions = served.decide(changed(photographs, change, name, seed))
        progress("stress", done, total)
        return decisions

    before = ask(None, "unchanged", 1)
    stress: dict[str, Stressed] = {
        "unchanged": {"auroc": auroc_interval(probabilities(before), truth, seed)}
    }
    for done, (name, change) in enumerate(PERTURBATIONS.items(), 2):
        after = ask(change, name, done)
        flips = np.asarray([a.label != b.label for a, b in zip(before, after, strict=True)])
        stress[name] = {
            "auroc": auroc_interval(probabilities(after), truth, seed),
            "change": auroc_change(probabilities(before), probabilities(after), truth, seed),
            "label_flips": share(flips),
        }
    after = ask(covered, "covered", total)
    hidden = auroc_interval(probabilities(after), truth, seed)
    value = hidden["value"]
    areas = [cover_mask(opened(photo)).mean() for photo in photographs]
    return {
        "stress": stress,
        "covered": {
            "auroc": hidden,
            "accepted": list(ACCEPTED),
            "leaks": value is not None and not ACCEPTED[0] <= value <= ACCEPTED[1],
            "area_auroc": auroc_interval(np.asarray(areas), truth, seed),
        },
    }


def opened(photo: Photograph) -> Image.Image:
    """Open the centre square of a photograph, RGB of 300 x 300 pixels."""
    return square(to_srgb(decode(photo.path.read_bytes())))


def changed(
    photographs: Sequence[Photograph], change: Change | None, name: str, seed: int
) -> Iterator[Image.Image]:
    """Yield each photograph perturbed; unchanged for None.

    Args:
        photographs: n checked ones.
        change: what happens to them.
        name: of the change: each draws its own numbers.
        seed: of the numbers.
    """
    for photo in photographs:
        # Seeded by content, so that a photograph's perturbation does not depend on the
        # other files.
        rng = np.random.default_rng((seed, crc32(name.encode()), int(photo.digest[:8], 16)))
        yield opened(photo) if change is None else change(opened(photo), rng)

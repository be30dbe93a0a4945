"""Measure how the score changes under perturbations that do not change the lesion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from PIL import Image

from handlers.prediction import Decision
from training.dataset import Photograph, Progress, labels
from training.evaluation.served import Served, probabilities
from training.evaluation.stress.colour_spaces import SPACES, in_space
from training.evaluation.stress.documents import Robustness, Stressed
from training.intervals import share
from training.perturbations import (
    PERTURBATIONS,
    Change,
    cover_mask,
    covered,
    opened,
    perturbed,
)
from training.scores import auroc_change, auroc_interval

CHANGES: Final[dict[str, Change]] = {
    **PERTURBATIONS,
    **{f"{space} file": in_space(space) for space in SPACES},
}
"""Changes by name that must not change a label."""
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
    total = len(CHANGES) + 2

    def ask(change: Change | None, name: str, done: int) -> list[Decision]:
        decisions = served.decide(changed(photographs, change, name, seed))
        progress("stress", done, total)
        return decisions

    before = ask(None, "unchanged", 1)
    stress: dict[str, Stressed] = {
        "unchanged": {"auroc": auroc_interval(probabilities(before), truth, seed)}
    }
    for done, (name, change) in enumerate(CHANGES.items(), 2):
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
        yield opened(photo) if change is None else perturbed(photo, change, name, seed)

"""How often a correct answer is flagged for review, and how often a wrong one is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from zlib import crc32

import numpy as np
from PIL import Image

from handlers.imaging import decode
from handlers.labels import REASONS
from handlers.prediction import Decision
from training.dataset import Photograph, Progress, labels
from training.evaluation.served import Served, flagged
from training.evaluation.stress.documents import Caught, FirmErrors, FlagsForReview
from training.evaluation.stress.robustness import changed
from training.evaluation.stress.unsuitable import DRAWN, SPOILT
from training.intervals import share

EACH: Final = 60
"""Synthetic pictures of each kind; fewer where there are fewer photographs."""
UNSUITABLE: Final = ("unlike_training_data", "low_quality")
"""Reasons for review that concern the picture, not the lesion."""


def measure(
    served: Served, photographs: Sequence[Photograph], seed: int, progress: Progress
) -> FlagsForReview:
    """Measure false flags on test photographs, errors of unflagged answers, and detected pictures.

    Args:
        served: the model.
        photographs: of the test, n; each is also spoilt in every way.
        seed: of the drawings and the resampling.
        progress: called with (what, done, total).
    """
    total = 1 + len(SPOILT) + len(DRAWN)
    decisions = served.decide(decode(photo.path.read_bytes()) for photo in photographs)
    progress("review", 1, total)
    caught: dict[str, Caught] = {}
    everything: list[np.ndarray] = []
    kinds = [(name, changed(photographs, change, name, seed)) for name, change in SPOILT.items()]
    count = min(EACH, len(photographs))
    kinds += [(name, _drawn(name, count, seed)) for name in DRAWN]
    for done, (name, pictures) in enumerate(kinds, 2):
        answers = served.decide(pictures)
        hits = flagged(answers, *UNSUITABLE)
        everything.append(hits)
        caught[name] = {
            "count": len(answers),
            "caught": share(hits),
            "unlike_training_data": float(flagged(answers, UNSUITABLE[0]).mean().round(4)),
            "low_quality": float(flagged(answers, UNSUITABLE[1]).mean().round(4)),
        }
        progress("review", done, total)
    return {
        "false_flags": {
            **{reason: share(flagged(decisions, reason)) for reason in REASONS},
            "unlike_or_low_quality": share(flagged(decisions, *UNSUITABLE)),
        },
        "errors_of_firm_answers": _firm(decisions, labels(photographs)),
        "caught": caught,
        "caught_in_all": share(np.concatenate(everything)),
    }


def _firm(decisions: Sequence[Decision], truth: np.ndarray) -> FirmErrors:
    """Return the error rate of unflagged answers, per class."""
    firm = ~flagged(decisions, "near_threshold")
    called = np.asarray([decision.label for decision in decisions])
    return {
        "cancers_missed": share((firm & (called == 0))[truth == 1]),
        "benign_called_cancer": share((firm & (called == 1))[truth == 0]),
        "firm": share(firm),
    }


def _drawn(name: str, count: int, seed: int) -> Iterator[Image.Image]:
    for number in range(count):
        yield DRAWN[name](np.random.default_rng((seed, crc32(name.encode()), number)))

"""The explained model, and the photographs it is explained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image

from handlers import threads
from handlers.classifier import Classifier
from handlers.explainers.methods import METHODS
from handlers.explainers.task import Attribution, AttributionTask, FrozenModel
from handlers.imaging import centre_view, decode, to_tensor
from training.dataset import Photograph
from training.result_cache import ResultCache

NO_DELTA: Final = np.nan
"""Cached value for a method without a convergence delta."""


@dataclass(frozen=True)
class Subject:
    """One picture, and the class that the maps explain."""

    name: str
    """The photograph's digest, or the name of a synthetic picture."""
    view: Image.Image
    """The model's input as RGB of 224 x 224 pixels."""
    inputs: torch.Tensor
    """The model's input, float32 of shape (1, 3, 224, 224)."""
    target: int


class Explained:
    """A trained model as it is served."""

    def __init__(self, folder: Path) -> None:
        """Load the fastest backend that the card allows: curves take thousands of passes.

        Raises:
            ArchiveError: a file is missing or cannot be read.
        """
        self.classifier = Classifier.load(folder, backend="", threads=threads.cores())
        self.classifier.warm_up()
        self.model: Any = self.classifier.model
        self._repeated = FrozenModel(self.model)

    def subject(self, name: str, picture: Image.Image) -> Subject:
        """Make a subject of a decoded picture; explains the class of the larger probability.

        Not the predicted label, whose threshold is set for a high sensitivity: between the two, a
        map of the label would explain the class that the model considers less likely.
        """
        view = centre_view(picture)
        inputs = to_tensor(view)[None]
        return Subject(name, view, inputs, int(self.logits(inputs).argmax()))

    def photograph(self, photo: Photograph) -> Subject:
        """Open a file as a subject."""
        return self.subject(photo.digest, decode(photo.path.read_bytes()))

    def photographs(self, photographs: Sequence[Photograph]) -> Iterator[Subject]:
        """Open files as subjects, one by one."""
        return map(self.photograph, photographs)

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """Compute logits of n pictures, shape (n, 2)."""
        return self.classifier.forward(inputs).logits

    def probability(self, inputs: torch.Tensor, target: int) -> np.ndarray:
        """Compute the calibrated probability of a class for n pictures, shape (n,)."""
        cancer = self.classifier.probabilities(self.logits(inputs))
        return np.asarray(cancer if target == 1 else 1 - cancer)

    def task(self, inputs: torch.Tensor, target: int, *, slow: bool) -> AttributionTask:
        """Make an attribution task as the service does, without a time limit.

        Args:
            inputs: shape (1, 3, 224, 224).
            target: class that is explained.
            slow: whether it is asked of a method that runs the model dozens of times.
        """
        model = self._repeated if slow else self.model
        return AttributionTask(model, inputs, self.classifier.forward(inputs).activations, target)

    def attribution(self, subject: Subject, method: str, kept: ResultCache) -> Attribution:
        """Return the map of a method, computed once."""
        name = f"maps/{subject.name}-{subject.target}-{method}"
        asked = METHODS[method]
        return attributed(
            kept,
            name,
            asked.explain,
            lambda: self.task(subject.inputs, subject.target, slow=asked.slow),
        )


def attributed(
    kept: ResultCache,
    name: str,
    explain: Callable[[AttributionTask], Attribution],
    ask: Callable[[], AttributionTask],
) -> Attribution:
    """Return the attribution of a method, computed once.

    Args:
        kept: what is there already.
        name: of the answer.
        explain: the method.
        ask: makes the question where there is no answer yet.
    """

    def compute() -> dict[str, np.ndarray]:
        found = explain(ask())
        delta = NO_DELTA if found.convergence_delta is None else found.convergence_delta
        return {
            "values": found.values,
            "steps": np.asarray(found.steps),
            "delta": np.asarray(delta),
        }

    arrays = kept.get(name, compute)
    delta = float(arrays["delta"])
    return Attribution(arrays["values"], int(arrays["steps"]), None if np.isnan(delta) else delta)

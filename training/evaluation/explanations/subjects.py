"""The explained model, the photographs it is explained on, and the cache of its maps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import torch
from PIL import Image

from handlers import explainers, threads
from handlers.classifier import Classifier
from handlers.explainers.methods import METHODS, Method
from handlers.explainers.task import Attribution, AttributionTask, Budget, FrozenModel
from handlers.imaging import SIDE, centre_view, decode, to_tensor
from handlers.network import load_torchscript
from handlers.variants import PORTABLE
from training.cache import Arrays, Cache
from training.dataset import Photograph

Task = TypeVar("Task", bound=AttributionTask)

NO_DELTA: Final = np.nan
"""Cached value for a method without a convergence delta."""
VERSION: Final = 2
"""Increase it when the same model and methods give other results: cached ones are recomputed."""


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
    """A trained model as it is served, and the cache of what was measured on it."""

    def __init__(self, folder: Path, cache: Path) -> None:
        """Load the variant that this machine serves by default.

        Plain TorchScript instead, if that one's input is not of 224 pixels: all curves are.

        Args:
            folder: of the trained model.
            cache: folder of all caches.

        Raises:
            ArchiveError: a file is missing or cannot be read.
        """
        self.classifier = Classifier.load(folder, "", threads.cores())
        if self.classifier.variant.side != SIDE:
            self.classifier = Classifier.load(folder, "", threads.cores(), PORTABLE.name)
        self.classifier.warm_up()
        self.plain = load_torchscript(folder)
        """The archive's TorchScript."""
        self.model: Any = self.classifier.model
        self.kept = Cache(folder_for(cache, folder, self.classifier))
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

    def task(self, inputs: torch.Tensor, target: int, method: Method) -> AttributionTask:
        """Make an attribution task as the service does, without a time limit.

        Args:
            inputs: shape (1, 3, 224, 224).
            target: class that is explained.
            method: that will be asked.
        """
        model = self._repeated if method.repeated else self.model
        forward, unlimited = self.classifier.forward(inputs), Budget(float("inf"))
        return AttributionTask.of(model, inputs, forward, target, unlimited, self.classifier.served)

    def attribution(self, subject: Subject, method: str) -> Attribution:
        """Return the map of a method, computed once."""
        asked = METHODS[method]
        return self.attributed(
            f"maps/{subject.name}-{subject.target}-{method}",
            asked.explain,
            lambda: self.task(subject.inputs, subject.target, asked),
        )

    def attributed(
        self,
        name: str,
        explain: Callable[[Task], Attribution],
        ask: Callable[[], Task],
    ) -> Attribution:
        """Return an attribution, computed once.

        Args:
            name: of the answer.
            explain: the method.
            ask: makes the question where there is no answer yet.
        """

        def compute() -> Arrays:
            found = explain(ask())
            delta = NO_DELTA if found.convergence_delta is None else found.convergence_delta
            return found.values, np.asarray(found.steps), np.asarray(delta)

        values, steps, delta = self.kept.get(name, compute)
        return Attribution(values, int(steps), None if np.isnan(delta) else float(delta))


def folder_for(cache: Path, model_folder: Path, classifier: Classifier) -> Path:
    """Return the cache folder for a model and the current code of the methods.

    Args:
        cache: folder of all caches.
        model_folder: holds ``model.pt``.
        classifier: loaded from it.
    """
    digest = hashlib.sha256((model_folder / "model.pt").read_bytes())
    described = [VERSION, classifier.version, classifier.temperature, classifier.backend.name]
    described.append(classifier.variant.name)
    digest.update(json.dumps(described).encode())
    for path in sorted(Path(next(iter(explainers.__path__))).glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return cache / "explanations" / digest.hexdigest()[:16]

"""Fine-tune the whole network: for a GPU, or several with ``torchrun``.

The first process runs the training; the others wait for fits and take their share of every step.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, cast

import numpy as np
import torch
from PIL import Image
from torch import distributed
from torchvision.transforms.v2 import functional

from handlers.imaging import SIDE, centre_view, decode, to_tensor
from training.backbone import Backbone
from training.dataset import Photograph, Progress
from training.folds import Fold, held_out
from training.head import Head, HeadRecipe
from training.optimise import Batch, Examples, Plan, Scorer, optimise, pooled
from training.tuned import Tuned

PLAN: Final = Plan(epochs=10, rate=1e-4, batch=64)
READERS: Final = 8
"""Threads that decode and augment photographs, so that a GPU waits less."""
PATIENCE: Final = timedelta(days=1)
"""Timeout of processes that wait for the first, which also does all work that is not shared;
PyTorch's default of ten minutes would end a run during the features of ten thousand photographs."""


@dataclass(frozen=True)
class FittedAll:
    """A network with fitted weights."""

    scorer: Scorer
    source: str
    batch: Batch
    empty: Backbone
    """Function that returns a network of the shape; its weights are replaced."""

    @property
    def head(self) -> Head:
        """The final layer."""
        return self.scorer.head

    @property
    def backbone(self) -> Backbone:
        """The network with the fitted weights."""
        network = copy.deepcopy(self.empty.network)
        fitted = copy.deepcopy(self.scorer.body).cpu()
        names = [name for name, _ in network.named_children()][:-2]
        for name, child in zip(names, fitted.children(), strict=True):
            setattr(network, name, child)
        network.eval().requires_grad_(False)
        return Backbone(network, self.source)

    @property
    def tuned(self) -> Tuned:
        """The whole network."""
        return Tuned(self.head, 0, frozen=False)

    def features(self, places: np.ndarray) -> np.ndarray:
        """Return pooled features of the photographs at these indices, shape (m, 512)."""
        return pooled(self.scorer, self.batch, places)


@dataclass(frozen=True)
class AllRecipe:
    """Fits all layers."""

    start: HeadRecipe
    photographs: Sequence[Photograph]
    groups: np.ndarray
    """Of near-duplicates, shape (n,)."""
    validation_share: float
    progress: Progress
    plan: Plan = PLAN

    def fit(self, learn: np.ndarray, seed: int) -> FittedAll:
        """Fit to the photographs at these indices, shape (m,), with all processes."""
        labels = self.start.labels
        inner = held_out(labels[learn], self.groups[learn], self.validation_share, seed)
        fold = (learn[inner[0]], learn[inner[1]])
        begin = self.start.fit(fold[0], seed)
        scorer = Scorer(begin.backbone.convolutions(), begin.head)
        job = _Job(scorer, tuple(self.photographs), labels, fold, self.plan, seed)
        _broadcast(job)
        try:
            fitted = _fit(job, self.progress)
        except BaseException:
            # The others are in the middle of a step and cannot receive messages:
            # torchrun must end them.
            if distributed.is_initialized():
                distributed.destroy_process_group()
            raise
        return FittedAll(fitted, begin.backbone.source, _batches(self.photographs), begin.backbone)


def join() -> int:
    """Enter the process group that ``torchrun`` made, and return this process' rank."""
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)
    return distributed.get_rank()


def serve_fits() -> None:
    """Take part in every fit of the first process, until it is done."""
    while (job := _receive()) is not None:
        _fit(job, lambda what, done, total: None)


def leave() -> None:
    """Tell the other processes that there are no more fits."""
    if distributed.is_initialized():
        if distributed.get_rank() == 0:
            _broadcast(None)
        distributed.destroy_process_group()


@dataclass(frozen=True)
class _Job:
    """Parameters of one fit, as sent to all processes."""

    start: Scorer
    photographs: tuple[Photograph, ...]
    labels: np.ndarray
    fold: Fold
    plan: Plan
    seed: int


def _broadcast(job: _Job | None) -> None:
    if distributed.is_initialized():
        distributed.broadcast_object_list([job], 0)


def _receive() -> _Job | None:
    said: list[_Job | None] = [None]
    distributed.broadcast_object_list(said, 0)
    return said[0]


def _fit(job: _Job, progress: Progress) -> Scorer:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    started = job.start.to(device)
    if device.type == "cuda":
        started = started.to(memory_format=torch.channels_last)  # slower on a processor
    examples = Examples(_batches(job.photographs), job.labels, job.fold)
    return optimise(started, examples, job.plan, job.seed, progress, shared=True)


def _turned(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Augment a photograph at random: another crop, rotation and exposure, 224 x 224.

    Not torchvision's random transforms: they draw from one generator for all threads.
    """
    width, height = picture.size
    area, stretch = rng.uniform(0.7, 1), np.exp(rng.uniform(np.log(0.9), np.log(1.1)))
    wide = min(width, round(np.sqrt(width * height * area * stretch)))
    high = min(height, round(np.sqrt(width * height * area / stretch)))
    left, top = rng.integers(width - wide + 1), rng.integers(height - high + 1)
    picture = functional.resized_crop(picture, int(top), int(left), high, wide, [SIDE, SIDE])
    for flip in (functional.horizontal_flip, functional.vertical_flip):
        if rng.random() < 0.5:
            picture = flip(picture)
    for adjust in (
        functional.adjust_brightness,
        functional.adjust_contrast,
        functional.adjust_saturation,
    ):
        picture = adjust(picture, rng.uniform(0.8, 1.2))
    return cast(Image.Image, functional.adjust_hue(picture, rng.uniform(-0.02, 0.02)))


def _batches(photographs: Sequence[Photograph]) -> Batch:
    def batch(places: np.ndarray, rng: np.random.Generator | None) -> torch.Tensor:
        own = [None] * len(places) if rng is None else rng.spawn(len(places))
        with ThreadPoolExecutor(READERS) as pool:
            views = pool.map(lambda place, one: _view(photographs[place], one), places, own)
            return torch.stack(list(views))

    return batch


def _view(photo: Photograph, rng: np.random.Generator | None) -> torch.Tensor:
    picture = decode(photo.path.read_bytes())
    return to_tensor(centre_view(picture if rng is None else _turned(picture, rng)))

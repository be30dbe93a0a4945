"""Features of the serving variants, computed by the very backends that serve."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, ClassVar

import numpy as np
import torch

from handlers import backends
from handlers.backends import Backend, Shape, UnavailableError, file_of
from handlers.drift import STATISTICS
from handlers.imaging import PREPROCESSING, decode, preprocess
from handlers.orientations import FLIPS, canonical
from handlers.variants import NUMERICS, Variant
from training import artefacts, conversion, perturbations
from training.cache import Cache
from training.conversion import spread
from training.dataset import Photograph, Progress
from training.invariance import Perturbed
from training.parallel import map_ordered
from training.perturbations import PERTURBATIONS, perturbed
from training.settings import TrainingSettings


@dataclass(frozen=True)
class VariantFeatures:
    """Pooled features of n photographs in each orientation, and their image statistics."""

    orientations: np.ndarray
    """float32 of shape (n, orientations, width)."""
    statistics: np.ndarray
    """float32 of shape (n, 6)."""

    def mean(self, variant: Variant) -> np.ndarray:
        """Features of a variant: the mean over its orientations, shape (n, width)."""
        return np.asarray(self.orientations[:, : variant.orientations].mean(axis=1))


class Extractor:
    """Computes the features of the variants that share numerics, side and stages."""

    FOLDER: ClassVar = "variants"
    """Folder of its cache, within that of all caches."""

    def __init__(self, folder: Path, model: Any, variants: Sequence[Variant], cache: Path) -> None:
        """Load the backend once per core; each computes alone.

        Args:
            folder: of the archive, with the backend's file.
            model: the loaded ``model.pt``.
            variants: of equal numerics, side and stages.
            cache: folder of all caches.

        Raises:
            UnavailableError: the backend cannot run here.
        """
        first = variants[0]
        self._count = max(variant.orientations for variant in variants)
        self._side = first.side
        shape = Shape(first.side, first.stages, self._count, pooled=True)
        name = backend_of(first)
        self._ready: SimpleQueue[Backend] = SimpleQueue()
        for _ in range(torch.get_num_threads()):
            self._ready.put(backends.load(name, folder, model, 1, shape))
        described = hashlib.sha256((folder / file_of(name, shape)).with_suffix(".bin").read_bytes())
        about = [PREPROCESSING, list(STATISTICS), str(shape), name, FLIPS]
        described.update(json.dumps(about).encode())
        self._records = Cache(cache / self.FOLDER / described.hexdigest()[:16])

    def extract(self, photographs: Sequence[Photograph], progress: Progress) -> VariantFeatures:
        """Compute the features of photographs, from the cache if possible."""
        found = []
        with closing(map_ordered(self._record, photographs)) as records:
            for number, record in enumerate(records, 1):
                found.append(record)
                progress("features", number, len(photographs))
        pooled, statistics = zip(*found, strict=True)
        return VariantFeatures(np.stack(pooled), np.stack(statistics))

    def perturb(
        self,
        photographs: Sequence[Photograph],
        features: VariantFeatures,
        settings: TrainingSettings,
        progress: Progress,
    ) -> Perturbed | None:
        """Compute the features of some photographs again after each perturbation.

        Args:
            photographs: the train folder.
            features: its features.
            settings: how many are perturbed, and the seed.
            progress: told of each photograph.

        Returns:
            None if none are to be perturbed.
        """
        chosen = spread(photographs, settings.perturbed)
        if not chosen:
            return None
        digests = {photo.digest: place for place, photo in enumerate(photographs)}
        places = np.asarray([digests[photo.digest] for photo in chosen])
        found = []
        with closing(
            map_ordered(functools.partial(self._changed, settings.seed), chosen)
        ) as records:
            for number, (after,) in enumerate(records, 1):
                found.append(after)
                progress("perturbed", number, len(chosen))
        return Perturbed(places, features.orientations[places, 0], np.stack(found))

    def turned(self, picture: torch.Tensor, count: int) -> torch.Tensor:
        """Return ``count`` orientations of a picture (c, h, h), shape (count, c, h, h)."""
        return canonical(picture).turned(picture, count)

    def _changed(self, seed: int, photograph: Photograph) -> tuple[np.ndarray, ...]:
        name = f"perturbed/{_perturbations()}-{seed}/{photograph.digest}"
        return self._records.get(name, lambda: (self._compute_changed(seed, photograph),))

    def _compute_changed(self, seed: int, photograph: Photograph) -> np.ndarray:
        """Features after each perturbation, shape (k, width)."""
        pictures = []
        for name, change in PERTURBATIONS.items():
            inputs = preprocess(perturbed(photograph, change, name, seed), self._side).inputs
            pictures.append(self.turned(inputs, 1))
        every = torch.cat(pictures)
        with self._backend() as backend:
            pooled = [backend.run(batch) for batch in self._batches(every)]
        return np.asarray(torch.cat(pooled)[: len(every)].flatten(1).numpy())

    @contextmanager
    def _backend(self) -> Iterator[Backend]:
        """Take one of the backends, for inference."""
        backend = self._ready.get()
        try:
            with torch.inference_mode():
                yield backend
        finally:
            self._ready.put(backend)

    def _batches(self, inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Split into batches as large as the network was compiled for, the last one filled up."""
        missing = -len(inputs) % self._count
        filled = torch.cat([inputs, inputs[:1].expand(missing, -1, -1, -1)])
        return filled.reshape(-1, self._count, *inputs.shape[1:]).unbind()

    def _record(self, photograph: Photograph) -> tuple[np.ndarray, ...]:
        return self._records.get(photograph.digest, lambda: self._compute(photograph))

    def _compute(self, photograph: Photograph) -> tuple[np.ndarray, np.ndarray]:
        image = preprocess(decode(photograph.path.read_bytes()), self._side)
        with self._backend() as backend:
            pooled = backend.run(self.turned(image.inputs, self._count))
        statistics = [image.statistics[name] for name in STATISTICS]
        return pooled.flatten(1).numpy(), np.asarray(statistics, dtype=np.float32)


@functools.cache
def _perturbations() -> str:
    """Digest of the code that perturbs a photograph."""
    code = "".join(map(inspect.getsource, (perturbations, artefacts)))
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def prepare(
    folder: Path,
    model: Any,
    variants: Sequence[Variant],
    photographs: Sequence[Photograph],
    cache: Path,
) -> tuple[dict[tuple[str, int, int], Extractor], dict[str, str]]:
    """Write the backends' files and load them.

    Returns:
        Extractors by numerics, side and stages, and the reasons why variants could not be made.
    """
    extractors: dict[tuple[str, int, int], Extractor] = {}
    lacking: dict[str, str] = {}
    for key in dict.fromkeys(key_of(variant) for variant in variants):
        alike = [variant for variant in variants if key_of(variant) == key]
        shape = Shape(alike[0].side, alike[0].stages)
        try:
            name = backend_of(alike[0])
            conversion.convert(name, shape, model, folder, photographs, cache)
            extractors[key] = Extractor(folder, model, alike, cache)
        except UnavailableError as error:
            lacking |= {variant.name: str(error) for variant in alike}
    return extractors, lacking


def backend_of(variant: Variant) -> str:
    """Return the OpenVINO backend of a variant's numerics."""
    return next(name for name in NUMERICS[variant.numerics] if name.startswith("openvino"))


def key_of(variant: Variant) -> tuple[str, int, int]:
    """Return what variants of one extractor share."""
    return variant.numerics, variant.side, variant.stages

"""Features of each photograph and of its augmented views, computed once by the frozen backbone.

Cached by content: one record per photograph, named by the sha256 of its bytes, in a folder named by
the backbone and the preprocessing, so an interrupted run continues. Fine-tuning of ``layer4`` needs
its input activations as well; both come from one forward pass.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from PIL import Image

from handlers.drift import STATISTICS, image_statistics
from handlers.imaging import PREPROCESSING, centre_view, decode, to_tensor
from training import near_duplicates
from training.backbone import Backbone
from training.cache import Cache
from training.dataset import Photograph, Progress
from training.near_duplicates import ViewsOf
from training.parallel import map_ordered

WIDTH: Final = 512
PIXELS: Final = near_duplicates.SIDE**2 * 3
"""Numbers of a small picture."""
ACTIVATIONS: Final = (256, 14, 14)
"""Shape of the output of ``layer3`` for one view."""
CLOSER: Final = 0.8
"""Share of the side that the zoomed view shows."""


def _closer(picture: Image.Image) -> Image.Image:
    """Crop the middle of a photograph, as if the camera had been closer."""
    width, height = picture.size
    side = round(min(width, height) * CLOSER)
    left, top = (width - side) // 2, (height - side) // 2
    return centre_view(picture.crop((left, top, left + side, top + side)))


VIEWS: Final[dict[str, Callable[[Image.Image], Image.Image]]] = {
    "as it is": centre_view,
    "mirrored": lambda picture: centre_view(picture).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "upside down": lambda picture: centre_view(picture).transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    "closer": _closer,
    "turned": lambda picture: centre_view(picture).transpose(Image.Transpose.ROTATE_90),
}
"""Augmented views. A lesion has no upright position, and photographers no fixed distance: each view
is as valid as the first. Flips and one right angle generate all the others."""


@dataclass(frozen=True)
class Features:
    """Features of n photographs, in their order."""

    views: np.ndarray
    """float32 of shape (n, number of views, 512); view 0 is the unchanged photograph."""
    statistics: np.ndarray
    """float32 of shape (n, 6): the image statistics named in ``handlers.drift.STATISTICS``."""
    small: np.ndarray
    """float32 of shape (n, 16, 16, 3): small pictures for ``training.near_duplicates``."""

    @property
    def plain(self) -> np.ndarray:
        """Features of the unchanged photographs, shape (n, 512)."""
        return np.asarray(self.views[:, 0])


@dataclass(frozen=True)
class Activations:
    """Output of ``layer3`` for n photographs and their views, read from disk on demand.

    Half precision: 100 kB per view, a gigabyte for two thousand photographs.
    """

    records: Cache
    digests: tuple[str, ...]

    def read(self, places: np.ndarray, views: np.ndarray) -> torch.Tensor:
        """float32 of shape (m, 256, 14, 14): one view of each photograph, by the second argument.

        Raises:
            OSError: a record is gone or damaged; :func:`extract` recomputes it.
        """
        found = []
        for place, view in zip(places, views, strict=True):
            name = _name(self.digests[place], int(view))
            record = self.records.read(name)
            if record is None:
                # The next run only checks whether it exists.
                self.records.discard(name)
                raise OSError(
                    f"{self.records.place(name)} is gone or damaged: run it again, it is recomputed"
                )
            found.append(torch.from_numpy(record[0]))
        return torch.stack(found).float()


def extract(
    photographs: Sequence[Photograph],
    backbone: Backbone,
    cache: Path,
    progress: Progress,
    *,
    views: int = len(VIEWS),
    activations: bool = False,
) -> Features:
    """Compute the features of every photograph, from the cache if possible.

    Args:
        photographs: checked, from :mod:`training.dataset`.
        backbone: frozen.
        cache: folder of all feature caches.
        progress: called with (what, done, total).
        views: how many of ``VIEWS``, from the first.
        activations: keep those of ``layer3`` as well, for :func:`activations_of`.

    Raises:
        OSError: the cache cannot be written.
    """
    records = _records(cache, backbone, views)
    kept = activations_of(photographs, backbone, cache).records if activations else None
    size = views * WIDTH
    result = np.empty((len(photographs), size + len(STATISTICS) + PIXELS), dtype=np.float32)
    missing: list[int] = []
    for place, photo in enumerate(photographs):
        cached = records.read(photo.digest)
        if cached is None or (kept is not None and not _has_all(kept, photo, views)):
            missing.append(place)
        else:
            result[place] = cached[0]
    done = len(photographs) - len(missing)
    progress("features", done, len(photographs))
    if missing:
        forward, turns = backbone.extractor(), list(VIEWS.values())[:views]
        found = map_ordered(lambda place: _run(photographs[place], turns, forward), missing)
        with closing(found):
            for place, (record, before) in zip(missing, found, strict=True):
                if kept is not None:
                    for view, activation in enumerate(before):
                        kept.write(_name(photographs[place].digest, view), activation)
                # Last, so that a photograph with features has its activations too.
                records.write(photographs[place].digest, record)
                result[place] = record
                done += 1
                progress("features", done, len(photographs))
    return Features(
        result[:, :size].reshape(-1, views, WIDTH),
        result[:, size:-PIXELS],
        result[:, -PIXELS:].reshape(-1, near_duplicates.SIDE, near_duplicates.SIDE, 3),
    )


def views_of(
    photographs: Sequence[Photograph], backbone: Backbone, cache: Path, progress: Progress
) -> ViewsOf:
    """Return what :func:`training.near_duplicates.find` asks for views; arguments as above."""

    def views(places: np.ndarray) -> np.ndarray:
        some = [photographs[place] for place in places]
        return extract(some, backbone, cache, progress).views

    return views


def activations_of(
    photographs: Sequence[Photograph], backbone: Backbone, cache: Path
) -> Activations:
    """Return the activations that :func:`extract` has cached of these photographs."""
    records = Cache(cache / "activations" / _key(backbone), ACTIVATIONS, np.float16)
    return Activations(records, tuple(photo.digest for photo in photographs))


def _records(cache: Path, backbone: Backbone, views: int) -> Cache:
    folder = cache / "features" / f"{_key(backbone)}-{views}"
    return Cache(folder, (views * WIDTH + len(STATISTICS) + PIXELS,), np.float32)


def _key(backbone: Backbone) -> str:
    about = [PREPROCESSING, list(VIEWS), CLOSER, list(STATISTICS), PIXELS, backbone.digest]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]


def _name(digest: str, view: int) -> str:
    return f"{digest}-{view}"


def _has_all(kept: Cache, photo: Photograph, views: int) -> bool:
    return all(kept.place(_name(photo.digest, view)).is_file() for view in range(views))


def _run(
    photo: Photograph,
    turns: Sequence[Callable[[Image.Image], Image.Image]],
    forward: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
) -> tuple[np.ndarray, np.ndarray]:
    """Compute one photograph's record (features, statistics, small picture), and activations."""
    picture = decode(photo.path.read_bytes())
    views = [turn(picture) for turn in turns]
    statistics = image_statistics(views[0])
    with torch.inference_mode():
        before, pooled = forward(torch.stack([to_tensor(view) for view in views]))
    described = np.asarray([statistics[name] for name in STATISTICS], dtype=np.float32)
    record = [pooled.flatten().numpy(), described, near_duplicates.shrink(views[0]).ravel()]
    return np.concatenate(record), before.half().numpy()

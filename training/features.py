"""The 512 frozen features of each photograph and of its flips, computed once.

Cached by content: one small file a photograph, named by the sha256 of its bytes, in a folder
named by the backbone and the preprocessing. Each is written whole, so an interrupted run goes
on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from PIL import Image

from handlers.drift import image_statistics
from handlers.imaging import PREPROCESSING, centre_view, decode, to_tensor
from training.backbone import Backbone
from training.dataset import Photograph, Progress
from training.files import whole

WIDTH: Final = 512
STATISTICS: Final = ("brightness", "contrast", "sharpness")
VIEWS: Final[dict[str, Callable[[Image.Image], Image.Image]]] = {
    "as it is": lambda view: view,
    "mirrored": lambda view: view.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "upside down": lambda view: view.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
}
"""A lesion has no upright position: each flip is as good a photograph as the first."""
CHUNK: Final = 8
"""Photographs in one forward pass, all views of each."""


@dataclass(frozen=True)
class Features:
    """Features of n photographs, in their order."""

    views: np.ndarray
    """float32 of shape (n, number of views, 512); view 0 is the photograph as it is."""
    statistics: np.ndarray
    """float32 of shape (n, 3): the image statistics named in ``STATISTICS``."""

    @property
    def plain(self) -> np.ndarray:
        """Features of the photographs as they are, shape (n, 512)."""
        return np.asarray(self.views[:, 0])


def extract(
    photographs: Sequence[Photograph], backbone: Backbone, cache: Path, progress: Progress
) -> Features:
    """Features of every photograph, from the cache where it has them.

    Args:
        photographs: checked, from :mod:`training.dataset`.
        backbone: frozen.
        cache: folder of all feature caches.
        progress: called with (what, done, total).
    """
    folder = cache / "features" / _key(backbone)
    known = {photo.digest: _read(_place(folder, photo)) for photo in photographs}
    missing = [photo for photo in photographs if known[photo.digest] is None]
    done = len(photographs) - len(missing)
    progress("features", done, len(photographs))
    network = backbone.convolutions().to(memory_format=torch.channels_last)
    for chunk, views, statistics in _prefetched(missing):
        with torch.inference_mode():
            inputs = views.flatten(0, 1).contiguous(memory_format=torch.channels_last)
            pooled = network(inputs).mean(dim=(2, 3)).numpy()
        rows = pooled.reshape(len(chunk), len(VIEWS), WIDTH).astype(np.float32)
        for photo, row, measured in zip(chunk, rows, statistics, strict=True):
            record = np.concatenate([row.ravel(), measured])
            _write(_place(folder, photo), record)
            known[photo.digest] = record
        done += len(chunk)
        progress("features", done, len(photographs))
    records = np.stack([_known(known, photo) for photo in photographs])
    size = len(VIEWS) * WIDTH
    return Features(records[:, :size].reshape(-1, len(VIEWS), WIDTH), records[:, size:])


def _key(backbone: Backbone) -> str:
    described = json.dumps([PREPROCESSING, list(VIEWS), list(STATISTICS), backbone.digest])
    return hashlib.sha256(described.encode()).hexdigest()[:16]


def _place(folder: Path, photo: Photograph) -> Path:
    return folder / photo.digest[:2] / f"{photo.digest}.npy"


def _known(known: dict[str, np.ndarray | None], photo: Photograph) -> np.ndarray:
    record = known[photo.digest]
    assert record is not None  # every missing one has just been computed
    return record


def _read(path: Path) -> np.ndarray | None:
    """A record of the cache; None where there is none or it is damaged."""
    try:
        with path.open("rb") as stream:
            record = np.load(stream, allow_pickle=False)
    except Exception:  # NumPy raises anything on a damaged header
        return None
    right = record.shape == (len(VIEWS) * WIDTH + len(STATISTICS),) and np.isfinite(record).all()
    return np.asarray(record, dtype=np.float32) if right else None


def _write(path: Path, record: np.ndarray) -> None:
    with whole(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, record.astype(np.float32), allow_pickle=False)


def _prepare(photo: Photograph) -> tuple[torch.Tensor, np.ndarray]:
    view = centre_view(decode(photo.path.read_bytes()))
    statistics = image_statistics(view)
    inputs = torch.stack([to_tensor(turn(view)) for turn in VIEWS.values()])
    return inputs, np.asarray([statistics[name] for name in STATISTICS], dtype=np.float32)


def _prefetched(
    photographs: Sequence[Photograph],
) -> Iterator[tuple[list[Photograph], torch.Tensor, list[np.ndarray]]]:
    """Decode the next chunk while the model works on this one; holds two chunks at most."""

    def prepare(chunk: list[Photograph]) -> tuple[torch.Tensor, list[np.ndarray]]:
        prepared = [_prepare(photo) for photo in chunk]
        return torch.stack([row[0] for row in prepared]), [row[1] for row in prepared]

    chunks = [list(photographs[i : i + CHUNK]) for i in range(0, len(photographs), CHUNK)]
    with ThreadPoolExecutor(max_workers=1) as pool:
        ahead = pool.submit(prepare, chunks[0]) if chunks else None
        for place, chunk in enumerate(chunks):
            assert ahead is not None
            views, statistics = ahead.result()
            if place + 1 < len(chunks):
                ahead = pool.submit(prepare, chunks[place + 1])
            yield chunk, views, statistics

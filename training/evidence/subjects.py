"""Test photographs, unchanged or all perturbed in the same way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zlib import crc32

import numpy as np
from PIL import Image

from handlers.colours import to_srgb
from handlers.imaging import decode
from training.dataset import Photograph
from training.evidence.perturbations import Change, square


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

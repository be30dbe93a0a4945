"""Photographs of skin with synthetic lesions off the centre, as a phone takes them."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image

from training.synthetic import draw

SIZE: Final = (1600, 1200)
LESIONS: Final = ((3, 1, 1000, 200, 280), (5, 0, 240, 720, 200))
"""Seed, label, left, top and side of each, the larger one first."""


def photograph(lesions: tuple[tuple[int, int, int, int, int], ...] = LESIONS) -> bytes:
    """A JPEG of skin, lit from the left, with the lesions."""
    width, height = SIZE
    light = np.linspace(1.0, 0.8, width)[None, :, None]
    noise = np.random.default_rng(0).normal(0, 4, (height, width, 1))
    skin = np.asarray((218.0, 172.0, 148.0)) * light + noise
    for seed, label, left, top, side in lesions:
        lesion = draw(seed, label, size=side, artefacts=()).image.astype(float)
        ys, xs = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
        radius = np.hypot(xs, ys)
        own = np.median(lesion[(radius > 0.8) & (radius < 0.95)], axis=0)
        weight = np.clip((0.95 - radius) / 0.2, 0, 1)[..., None]
        part = skin[top : top + side, left : left + side]
        part *= 1 - weight + weight * np.minimum(lesion / own, 1.1)
    buffer = io.BytesIO()
    Image.fromarray(skin.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()

"""Measure exposure and focus of the middle of a photograph, for ``low_quality``.

Only the middle, because the area around a lesion differs by instrument: the black rim of a
dermatoscope's field of view is not a sign of a dark or blurred photograph.
"""

from __future__ import annotations

from typing import Final

import numpy as np

NAMES: Final = ("exposure", "clipped", "focus")
"""Names of the measurements, which have no unit."""
WHITE: Final = 250
"""Level (of 255) that counts as clipped; compression leaves clipped pixels slightly below 255."""
LUMA: Final = np.asarray((0.299, 0.587, 0.114), dtype=np.float32)
"""Weights of ITU-R BT.601."""


def quality(pixels: np.ndarray) -> dict[str, float]:
    """Measure the middle quarter of a view.

    Args:
        pixels: RGB uint8 of shape (h, w, 3).

    Returns:
        ``exposure``: mean luma, 0 to 1; ``clipped``: share of the pixels that are white in all
        three colours, 0 to 1, where over-exposure has left nothing; ``focus``: log10 of the
        variance of the Laplacian of luma (Pech-Pacheco et al. 2000).
    """
    height, width = pixels.shape[:2]
    middle = pixels[height // 4 : height - height // 4, width // 4 : width - width // 4]
    luma = middle.astype(np.float32) @ LUMA / 255.0
    return {
        "exposure": float(luma.mean()),
        "clipped": float((middle >= WHITE).all(axis=2).mean()),
        "focus": float(np.log10(laplacian(luma).var() + 1e-8)),
    }


def laplacian(luma: np.ndarray) -> np.ndarray:
    """Discrete Laplacian: four neighbours minus four times each pixel, shape (h - 2, w - 2)."""
    middle = luma[1:-1, 1:-1]
    around = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    return np.asarray(around - 4 * middle)

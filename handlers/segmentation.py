"""Estimate a rough outline of the lesion without a model, for ``lesion_mass`` only.

The skin's colour is the median of the picture's rim; what differs from it, near the centre, is
taken for lesion by Otsu's threshold (Otsu 1979). It does not replace a segmentation.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image, ImageFilter

REDUCED: Final = 4
"""Factor by which the view is reduced: a rough outline needs no more pixels, and is faster."""
BLUR: Final = 1.0
"""Blur in reduced pixels; removes hairs and pores before the threshold."""

INSIDE: Final = 0.7
"""Share of Otsu's threshold, because the fading border belongs to the lesion. Chosen on synthetic
lesions, where the result is stable from 0.7 to 0.8."""


def rough_mask(view: Image.Image) -> np.ndarray | None:
    """Outline the lesion.

    Args:
        view: RGB of h x w pixels.

    Returns:
        bool of shape (h, w), True is lesion; None where nothing stands out from the skin
        (less than 0.5 % of the picture, or more than 90 %).
    """
    small = view.reduce(REDUCED).filter(ImageFilter.GaussianBlur(BLUR))
    pixels = np.asarray(small, dtype=np.float32)
    height, width = pixels.shape[:2]
    ys = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    xs = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    radius = np.sqrt(xs**2 + ys**2)
    # The rim inside the circle: the corners of a dermatoscope's picture are black.
    rim = (radius > 0.85) & (radius <= 1.0)
    skin = np.median(pixels[rim], axis=0)
    difference = np.sqrt(((pixels - skin) ** 2).sum(axis=2)) * (radius <= 1.0)
    difference *= np.exp(-((radius / 1.2) ** 4))
    if difference.max() <= 0:
        return None
    mask = difference > INSIDE * _otsu(difference[radius <= 1.0])
    if not 0.005 <= float(mask.mean()) <= 0.9:
        return None
    full = mask.repeat(REDUCED, axis=0).repeat(REDUCED, axis=1)
    return np.asarray(full[: view.height, : view.width])


def _otsu(values: np.ndarray) -> float:
    """Find the threshold that splits values into two classes of least variance."""
    counts, edges = np.histogram(values, bins=128)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(centres[int(np.nanargmax(between[:-1]))])

"""Hairs, rulers, ink and dark corners, drawn over a dermoscopy-like picture.

None of them says anything about the lesion, yet in clinical collections they go with the diagnosis,
and models learn them (Winkler et al. 2019 on surgical ink, Bissoto et al. 2020 on rulers and dark
corners). Here they come with the same probability in both classes, which makes them a test.

Every painter takes the picture as optical density, float32 (3, size, size), density 0 being white,
with the lesion's mask, bool (size, size), and returns the new density.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

Density = NDArray[np.float32]
Mask = NDArray[np.bool_]
Painter = Callable[[np.random.Generator, Density, Mask], Density]

_OVERSAMPLING = 2  # Pillow draws lines without smoothing


def _canvas(size: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    canvas = Image.new("L", (size * _OVERSAMPLING,) * 2)
    return canvas, ImageDraw.Draw(canvas)


def _coverage(canvas: Image.Image) -> Density:
    """Return the share of each pixel that was drawn on, float32 (size, size), 0 to 1."""
    small = canvas.reduce(_OVERSAMPLING)
    return np.asarray(small, dtype=np.float32) / np.float32(255)


def _lay_over(density: Density, coverage: Density, colour: tuple[float, ...]) -> Density:
    """Blend an opaque object of `colour` (optical density of R, G, B) where `coverage` is 1."""
    return density + coverage * (np.array(colour, dtype=np.float32)[:, None, None] - density)


def _curve(rng: np.random.Generator, size: int, length: float, bend: float) -> NDArray[np.float64]:
    """Return a curved line as (24, 2) points in oversampled pixels."""
    start = rng.uniform(0, 1, 2)
    angle = rng.uniform(0, 2 * np.pi)
    along = np.linspace(0, 1, 24)
    heading = angle + bend * (along + 0.5 * np.sin(rng.uniform(2, 5) * along))
    steps = np.stack([np.cos(heading), np.sin(heading)], axis=1) * length / len(along)
    points = (start + np.cumsum(steps, axis=0) - steps.sum(axis=0) / 2) * size * _OVERSAMPLING
    return np.asarray(points)


def hair(rng: np.random.Generator, density: Density, mask: Mask) -> Density:
    """Draw tapered hairs: one colour, similar thickness, random directions.

    Density, given and returned, has shape (3, size, size), the mask (size, size).
    """
    size = len(mask)
    canvas, pen = _canvas(size)
    thickness = rng.uniform(0.9, 2.6) * _OVERSAMPLING * size / 300
    short = rng.random() < 0.3
    for _ in range(rng.integers(14, 40) if short else rng.integers(3, 18)):
        length = rng.uniform(0.06, 0.16) if short else rng.uniform(0.3, 1.3)
        points = _curve(rng, size, length, rng.normal(0, 0.3 if short else 0.7))
        widths = thickness * rng.uniform(0.6, 1.2) * np.linspace(1, 0.25, len(points))
        for begin, end, width in zip(points[:-1], points[1:], widths, strict=False):
            pen.line([*begin, *end], fill=255, width=max(1, round(width)))
    if rng.random() < 0.18:
        return _lay_over(density, _coverage(canvas) * 0.7, (0.08, 0.14, 0.25))
    depth = rng.uniform(1.0, 2.4)
    opacity = np.float32(rng.uniform(0.65, 0.92))
    return _lay_over(density, _coverage(canvas) * opacity, (depth, depth * 1.15, depth * 1.25))


def ruler(rng: np.random.Generator, density: Density, mask: Mask) -> Density:
    """Draw a millimetre scale along one edge, every fifth tick longer, slightly askew.

    Density, given and returned, has shape (3, size, size), the mask (size, size).
    """
    size = len(mask)
    canvas, pen = _canvas(size)
    full = size * _OVERSAMPLING
    spacing = rng.uniform(0.035, 0.075)
    inset, tick = rng.uniform(0.0, 0.04), rng.uniform(0.02, 0.035)
    slope = rng.normal(0, 0.02)
    width = max(1, round(full / 300 * rng.uniform(0.6, 1.3)))
    for number, along in enumerate(np.arange(rng.uniform(0, spacing), 1, spacing)):
        begin = inset + slope * (along - 0.5)
        end = begin + tick * (2.0 if number % 5 == 0 else 1.0)
        line = [along * full, begin * full, along * full, end * full]
        pen.line(line, fill=255, width=width)
    canvas = canvas.rotate(90 * int(rng.integers(4)))
    return _lay_over(density, _coverage(canvas) * np.float32(0.85), (1.9, 1.9, 1.8))


def ink(rng: np.random.Generator, density: Density, mask: Mask) -> Density:
    """Draw strokes or dots of a surgical pen next to the lesion; skin shows through.

    Density, given and returned, has shape (3, size, size), the mask (size, size).
    """
    size = len(mask)
    canvas, pen = _canvas(size)
    full = size * _OVERSAMPLING
    width = rng.uniform(0.012, 0.03) * full
    centre = np.array(ndimage.center_of_mass(mask))[::-1] * _OVERSAMPLING
    reach = np.sqrt(mask.sum() / np.pi) * _OVERSAMPLING + 0.10 * full
    dots = rng.random() < 0.4
    first = rng.uniform(0, 2 * np.pi)
    for number in range(rng.integers(2, 5)):
        angle = first + number * rng.uniform(0.6, 1.8)
        x, y = centre + reach * rng.uniform(0.95, 1.2) * np.array([np.cos(angle), np.sin(angle)])
        if dots:
            radius = width * rng.uniform(0.6, 1.3)
            pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
            continue
        sweep = angle + np.pi / 2 + np.linspace(0, rng.uniform(-0.6, 0.6), 12)
        steps = np.stack([np.cos(sweep), np.sin(sweep)], axis=1)
        points = np.array([x, y]) + steps.cumsum(axis=0) * full * rng.uniform(0.01, 0.03)
        for px, py in points:
            pen.ellipse([px - width / 2, py - width / 2, px + width / 2, py + width / 2], fill=255)
    # The pen skips over skin furrows, so its line is uneven; clinicians keep it off the lesion.
    grain = rng.normal(0.8, 0.25, mask.shape).astype(np.float32)
    grain = np.clip(ndimage.uniform_filter(grain, 3) * 1.4 - 0.3, 0.1, 1)
    off_lesion = ~ndimage.binary_dilation(mask, iterations=max(1, size // 60))
    coverage = _coverage(canvas) * grain * off_lesion
    purple = np.array([0.75, 1.25, 0.25], dtype=np.float32)
    blue = np.array([1.5, 0.95, 0.2], dtype=np.float32)
    share = np.float32(rng.random())
    pigment = (purple * share + blue * (1 - share)) * np.float32(rng.uniform(0.5, 1.1))
    return np.asarray(density + coverage * pigment[:, None, None], dtype=np.float32)


def dark_corners(rng: np.random.Generator, density: Density, mask: Mask) -> Density:
    """Draw the round field of view of a dermatoscope, black outside.

    Density, given and returned, has shape (3, size, size), the mask (size, size).
    """
    size = len(mask)
    x0, y0 = rng.normal(0, 0.015, 2)
    axis = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    radius = np.hypot(axis[None, :] - np.float32(x0), axis[:, None] - np.float32(y0))
    softness = rng.uniform(0.006, 0.05)
    outside = np.clip((radius - rng.uniform(0.55, 0.65)) / softness, 0, 1)
    falloff = np.clip(radius - 0.3, 0, None) ** 2 * np.float32(rng.uniform(0, 3))
    black = np.float32(rng.uniform(2.8, 4.5))
    shade = outside + falloff * (1 - outside) / black
    return np.asarray(density + shade * (black - density), dtype=np.float32)


# Painting order: objects on the skin first, the instrument's edge last.
PAINTERS: dict[str, Painter] = {
    "ink": ink,
    "hair": hair,
    "ruler": ruler,
    "dark_corners": dark_corners,
}

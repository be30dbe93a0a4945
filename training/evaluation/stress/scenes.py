"""Synthetic scenes without skin, such as people upload by mistake, as a phone takes them.

Every scene is float64 (300, 300, 3) of levels 0 to 255, which may be exceeded, and varies in colour
and scale from draw to draw.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from training.perturbations import SIDE

TWICE: Final = 2 * SIDE
"""Pixels per side at which Pillow draws: it does not smooth, scaling down does."""

_Y, _X = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE


def landscape(generator: np.random.Generator) -> np.ndarray:
    """Sky with clouds, two to four ridges, grass in front; shape (300, 300, 3)."""
    sky = _blend(_Y, generator.uniform((60, 110, 170), (140, 180, 240)), np.array([225, 225, 225]))
    cloud = (
        clouds(generator, 9, 4) + 0.6 * clouds(generator, 20, 10) + 0.3 * clouds(generator, 45, 22)
    )
    cloud = np.clip(cloud + generator.uniform(-1.2, 0.6), 0, 1.2)
    pixels = _blend(cloud * (1 - _Y), sky, np.array([250, 250, 250]))
    horizon = generator.uniform(0.3, 0.6)
    ridges = int(generator.integers(2, 5))
    for number in range(ridges):
        near = (number + 1) / ridges
        line = horizon + 0.3 * near * (1 - horizon) + 0.05 * clouds(generator, 2, 6)[0]
        green = generator.uniform((30, 60, 15), (90, 110, 60))
        hill = _blend(near, np.array([150, 165, 185]), green)  # the farther the hazier
        hill = hill + 6 * clouds(generator, 40, 20)[:, :, None]
        pixels = np.where((line < _Y)[:, :, None], hill, pixels)
    blades = clouds(generator, 12, 120) * 22 + generator.normal(0, 12, (SIDE, SIDE))
    grass = generator.uniform((50, 90, 20), (120, 150, 60)) + blades[:, :, None]
    edge = horizon + 0.35 * (1 - horizon) + 0.02 * clouds(generator, 2, 8)[0]
    return np.where((edge < _Y)[:, :, None], grass, pixels)


def bricks(generator: np.random.Generator) -> np.ndarray:
    """Bricks in running bond, or square tiles; shape (300, 300, 3)."""
    tiles = generator.random() < 0.4
    rows = generator.uniform(5, 14)
    columns = rows if tiles else rows / generator.uniform(2.2, 3.2)
    row = np.floor(_Y * rows)
    across = _X * columns + (0 if tiles else 0.5) * (row % 2)
    joint = generator.uniform(0.03, 0.08)
    apart = np.minimum(_from_edge(across) / columns, _from_edge(_Y * rows) / rows) * rows
    tones = generator.normal(0, 4 if tiles else 16, (40, 40))[row.astype(int), across.astype(int)]
    low, high = ((120, 120, 120), (240, 240, 240)) if tiles else ((120, 50, 35), (190, 100, 80))
    rough = (2 if tiles else 9) * clouds(generator, 60, 60)
    pixels = generator.uniform(low, high) + (tones + rough)[:, :, None]
    mortar = np.full(3, generator.uniform(90, 225))
    return _blend(np.clip((joint - apart) * 30, 0, 1), pixels, mortar)


def wood(generator: np.random.Generator) -> np.ndarray:
    """Planks, each with its own grain; shape (300, 300, 3)."""
    planks = int(generator.integers(1, 6))
    plank = np.floor(_Y * planks).astype(int)
    bend = 0.5 * clouds(generator, 5, 2) + generator.normal(0, 3, planks)[plank]
    rings = np.sin(2 * np.pi * (_Y * generator.uniform(6, 16) + bend))
    fibre = clouds(generator, 150, 5)
    grain = 0.5 + 0.25 * rings + 0.15 * fibre + generator.normal(0, 0.12, planks)[plank]
    light = generator.uniform((150, 105, 60), (225, 180, 130))
    pixels = _blend(np.clip(grain, 0, 1), light * generator.uniform(0.45, 0.7), light)
    gap = _from_edge(_Y * planks) / planks < 0.006
    pixels = np.where((gap & (planks > 1))[:, :, None], light * 0.2, pixels)
    return np.asarray(np.rot90(pixels, int(generator.integers(2))))


def cloth(generator: np.random.Generator) -> np.ndarray:
    """Checked cloth: coloured threads along and across in a twill; shape (300, 300, 3)."""
    threads = generator.uniform(30, 220, (4, 1)) + generator.normal(0, 30, (4, 3))
    widths = generator.integers(4, 34, 6)
    order = np.repeat(generator.integers(0, 4, 6), widths)
    sett = threads[np.resize(np.concatenate([order, order[::-1]]), SIDE)]
    twill = (np.add.outer(np.arange(SIDE), np.arange(SIDE)) // 2 % 2)[:, :, None]
    pixels = np.where(twill == 0, sett[None, :], sett[:, None])
    fold = 14 * clouds(generator, 3, 3)[:, :, None]
    return np.asarray(ndimage.gaussian_filter(pixels, (0.7, 0.7, 0)) + fold)


def keyboard(generator: np.random.Generator) -> np.ndarray:
    """Rows of keys with a letter each, seen from above; shape (300, 300, 3)."""
    dark = generator.random() < 0.6
    low, high = (15, 60) if dark else (190, 245)
    frame = np.full(3, generator.uniform(low, high) * 0.7)
    canvas = Image.new("RGB", (TWICE, TWICE), colours(frame))
    pen = ImageDraw.Draw(canvas)
    key = generator.uniform(60, 130)
    font = ImageFont.load_default(key * 0.35)
    for row in range(int(TWICE / key) + 1):
        for x in np.arange(-key * generator.random(), TWICE, key):
            y = row * key
            pen.rounded_rectangle(
                (x, y, x + key * 0.88, y + key * 0.88),
                key * 0.12,
                fill=colours(np.full(3, generator.uniform(low, low + 30))),
            )
            pen.text(
                (x + key * 0.2, y + key * 0.15),
                chr(generator.integers(65, 91)),
                (225, 225, 225) if dark else (40, 40, 40),
                font,
            )
    angle = generator.normal(0, 8)
    canvas = canvas.rotate(angle, resample=Image.Resampling.BICUBIC).resize(
        (SIDE, SIDE), box=(60, 60, TWICE - 60, TWICE - 60)
    )
    return np.asarray(canvas, dtype=np.float64)


def bare_wall(generator: np.random.Generator) -> np.ndarray:
    """A painted wall, rough plaster, with the soft shadow of something; shape (300, 300, 3)."""
    paint = generator.uniform(110, 240) + generator.normal(0, 18, 3)
    wall = paint + 2.5 * clouds(generator, 90, 90)[:, :, None]
    angle = generator.uniform(0, 2 * np.pi)
    side = np.cos(angle) * (_X - 0.5) + np.sin(angle) * (_Y - 0.5) - generator.uniform(-0.25, 0.25)
    shadow = np.clip(side / generator.uniform(0.01, 0.3) + 0.5, 0, 1)
    depth = generator.uniform(0.25, 0.6)
    return np.asarray(wall * (1 - depth * shadow)[:, :, None])


def foliage(generator: np.random.Generator) -> np.ndarray:
    """Leaves over leaves, the deeper the darker; shape (300, 300, 3)."""
    canvas = Image.new("RGB", (TWICE, TWICE), (18, 28, 12))
    pen = ImageDraw.Draw(canvas)
    green = generator.uniform((50, 110, 20), (150, 190, 80))
    length = generator.uniform(45, 120)
    count = int(5e6 / length**2)
    along = np.linspace(0, np.pi, 12)
    for number in range(count):
        angle, size = generator.uniform(0, 2 * np.pi), length * generator.uniform(0.6, 1.3)
        x = np.concatenate([np.cos(along), np.cos(along[::-1])]) * size / 2
        y = np.concatenate([np.sin(along), -np.sin(along[::-1])]) * size * 0.18
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = (turn @ np.stack([x, y])).T + generator.uniform(-20, TWICE + 20, 2)
        tone = (0.25 + 0.75 * number / count) * generator.uniform(0.75, 1.15)
        pen.polygon([tuple(point) for point in points.tolist()], fill=colours(green * tone))
        pen.line([tuple(points[0]), tuple(points[11])], fill=colours(green * tone * 1.2), width=2)
    return np.asarray(canvas.reduce(2), dtype=np.float64)


def clouds(generator: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Draw smooth noise (300, 300) around 0 with deviation 1: so many bumps down and across."""
    small = Image.fromarray(generator.standard_normal((rows + 1, columns + 1)).astype(np.float32))
    field = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.float64)
    return np.asarray((field - field.mean()) / field.std())


def _from_edge(cells: np.ndarray) -> np.ndarray:
    """Return the distance to the nearest whole number, 0 to 0.5."""
    return np.asarray(0.5 - np.abs(cells % 1 - 0.5))


def _blend(share: np.ndarray | float, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Blend colours from `low` where `share` is 0 to `high` where it is 1."""
    return np.asarray(low + np.asarray(share)[..., None] * (high - low))


def photographed(generator: np.random.Generator, pixels: np.ndarray) -> Image.Image:
    """Take a scene (300, 300, 3) like a phone: uneven light, lens blur, sensor noise."""
    slope = generator.normal(0, 0.15, 2)
    light = generator.uniform(0.85, 1.1) * (1 + slope[0] * (_X - 0.5) + slope[1] * (_Y - 0.5))
    radius = generator.uniform(0.3, 0.9)
    pixels = ndimage.gaussian_filter(np.clip(pixels, 0, 255), (radius, radius, 0))
    return picture_of(pixels * light[:, :, None] + generator.normal(0, 3, pixels.shape))


def colours(levels: np.ndarray) -> tuple[int, int, int]:
    """Convert levels of shape (3,) to Pillow's colour, clipped to 0 to 255."""
    red, green, blue = (int(level) for level in np.clip(levels, 0, 255))
    return red, green, blue


def picture_of(pixels: np.ndarray) -> Image.Image:
    """Convert levels (h, w, 3) to RGB, rounded and clipped."""
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))

"""Unsuitable pictures, all of which must be flagged for review.

People upload the wrong file, and photograph badly. Wrong files are drawn here, so that the check
needs no private photographs of homes or faces; they resemble a careless upload, not the real thing,
and a model that flags them all has passed the easier half of the test. Bad photographs are
photographs of lesions, degraded at least about as far as the severest step of Hendrycks &
Dietterich 2019.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from handlers.quality import LUMA
from training.evaluation.stress import scenes
from training.evaluation.stress.scenes import TWICE, clouds, colours, photographed, picture_of
from training.perturbations import SIDE, Change

_SCENES: Final = (
    scenes.landscape,
    scenes.bricks,
    scenes.wood,
    scenes.cloth,
    scenes.keyboard,
    scenes.bare_wall,
    scenes.foliage,
)


def no_skin(generator: np.random.Generator) -> Image.Image:
    """Draw a landscape, a wall of bricks or tiles, wood, checked cloth, keys, a wall or leaves."""
    scene = _SCENES[generator.integers(len(_SCENES))]
    return photographed(generator, scene(generator))


def page_of_text(generator: np.random.Generator) -> Image.Image:
    """Draw a page of paragraphs, white or yellowish, slightly turned; some unevenly lit."""
    paper = np.array([250, 248, 244]) - generator.uniform(0, 1) * np.array([2, 8, 28])
    ground = colours(paper)
    sheet = Image.new("RGB", (TWICE, TWICE), ground)
    pen = ImageDraw.Draw(sheet)
    size = int(generator.integers(16, 36))
    margin, y = generator.uniform(0, 70), generator.uniform(0, 50)
    fonts = ImageFont.load_default(size), ImageFont.load_default(size * 1.5)
    while y < TWICE:
        heading = generator.random() < 0.12
        for _ in range(1 if heading else generator.integers(2, 8)):
            words = [
                "".join(chr(97 + c) for c in generator.integers(0, 26, length))
                for length in generator.integers(2, 10, 3 if heading else 24)
            ]
            pen.text((margin, y), " ".join(words), (30, 30, 35), fonts[heading])
            y += size * (2.0 if heading else 1.35)
        y += size * generator.uniform(0.3, 1.0)
    pen.rectangle((TWICE - margin, 0, TWICE, TWICE), fill=ground)
    angle = float(np.clip(generator.normal(0, 3), -8, 8))
    sheet = sheet.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor=ground)
    pixels = np.asarray(sheet.reduce(2), dtype=np.float64)
    return photographed(generator, pixels) if generator.random() < 0.5 else picture_of(pixels)


def face(generator: np.random.Generator) -> Image.Image:
    """Draw a face from the front, with any skin tone: hair, ears, eyes, nose, mouth, shoulders."""
    shade = generator.beta(1, 1.3)
    skin = np.array([244, 208, 184]) * (1 - shade) + np.array([92, 58, 40]) * shade
    dark = np.array([25, 18, 14]) + generator.beta(1, 3) * np.array([170, 130, 80])
    ground = colours(generator.uniform(60, 240) + generator.normal(0, 25, 3))
    canvas = Image.new("RGB", (TWICE, TWICE), ground)
    pen = ImageDraw.Draw(canvas)
    cx, cy = np.array([300, 300]) + generator.normal(0, 18, 2)
    w = generator.uniform(135, 200)
    h = w * generator.uniform(1.25, 1.45)

    def oval(x: float, y: float, rx: float, ry: float, fill: np.ndarray) -> None:
        box = (cx + x * w - rx * w, cy + y * h - ry * h, cx + x * w + rx * w, cy + y * h + ry * h)
        pen.ellipse(box, fill=colours(fill))

    long = generator.uniform(0.1, 0.7)  # lower end of the hair
    oval(0, -0.35 + long / 2, 1.15, 0.8 + long / 2, dark)
    oval(0, 1.75, 1.9, 0.75, generator.uniform(20, 230, 3))
    oval(0, 0.95, 0.45, 0.35, skin * 0.85)
    for side in (-1, 1):
        oval(side * 1.0, 0.02, 0.12, 0.18, skin * 0.9)
    oval(0, 0, 1, 1, skin)
    pen.chord(
        (cx - 1.02 * w, cy - 1.05 * h, cx + 1.02 * w, cy + 0.35 * h), 205, 335, fill=colours(dark)
    )
    iris = np.array([60, 45, 35]) + generator.uniform(0, 1, 3) * np.array([40, 60, 110])
    lips = skin * np.array([0.85, 0.6, 0.6])
    open_mouth = generator.uniform(0.02, 0.06)
    for side in (-1, 1):
        oval(side * 0.4, -0.13, 0.2, 0.075, skin * 0.8)
        oval(side * 0.4, -0.12, 0.17, 0.06, np.array([238, 236, 232]))
        oval(side * 0.4, -0.12, 0.075, 0.057, iris)
        oval(side * 0.4, -0.12, 0.035, 0.027, np.array([10, 10, 10]))
        oval(side * 0.42, -0.27, 0.23, 0.03, dark * 0.9)
        oval(side * 0.1, 0.25, 0.06, 0.02, skin * 0.5)
        oval(side * 0.55, 0.25, 0.2, 0.14, skin * np.array([1.03, 0.93, 0.93]))
    oval(0, 0.22, 0.13, 0.06, skin * 0.93)
    oval(0.06, 0.03, 0.04, 0.2, skin * 0.9)
    oval(0, 0.5, 0.34, 0.06 + open_mouth / 2, lips)
    oval(0, 0.5, 0.26, open_mouth / 2, skin * 0.3)
    turn = float(generator.normal(0, 6))
    canvas = canvas.rotate(turn, resample=Image.Resampling.BICUBIC, fillcolor=ground)
    canvas = canvas.filter(ImageFilter.GaussianBlur(4)).reduce(2)
    return photographed(generator, np.asarray(canvas, dtype=np.float64))


def noise(generator: np.random.Generator) -> Image.Image:
    """Draw noise: uniform, Gaussian around a colour, or clouds of colour."""
    kind = generator.integers(3)
    if kind == 0:
        return picture_of(generator.uniform(0, 255, (SIDE, SIDE, 3)))
    mean, deviation = generator.uniform(60, 200, 3), generator.uniform(25, 70, 3)
    if kind == 1:
        return picture_of(generator.normal(mean, deviation, (SIDE, SIDE, 3)))
    cells = int(generator.integers(3, 40))
    colour = np.stack([clouds(generator, cells, cells) for _ in range(3)], axis=2)
    return picture_of(mean + deviation * colour)


DRAWN: Final[dict[str, Callable[[np.random.Generator], Image.Image]]] = {
    "no skin": no_skin,
    "page of text": page_of_text,
    "face": face,
    "noise": noise,
}
"""Pictures without skin, by name: RGB, 300 x 300 pixels, deterministic in the generator."""


def blurred(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Defocus by sigma 6 to 12 px, or shake along a line of that deviation.

    Network, globules and border, by which a lesion is judged, are 2 to 8 px: they are gone.
    """
    sigma = generator.uniform(6, 12)
    if generator.random() < 0.5:
        return picture.filter(ImageFilter.GaussianBlur(sigma))
    angle = generator.uniform(0, np.pi)
    half = sigma * np.sqrt(3)  # a line's deviation is its half length over sqrt(3)
    reach = int(np.ceil(half))
    pixels = np.pad(np.asarray(picture), ((reach, reach), (reach, reach), (0, 0)), "symmetric")
    steps = np.linspace(-half, half, 2 * reach + 1)
    total = np.zeros((SIDE, SIDE, 3))
    for step in steps:
        y, x = (reach + round(step * part) for part in (np.sin(angle), np.cos(angle)))
        total += pixels[y : y + SIDE, x : x + SIDE]
    return picture_of(total / len(steps))


def over_exposed(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Over-expose, so that 55 to 85 % of the pixels are clipped to white in all channels."""
    pixels = np.asarray(picture, dtype=np.float64)
    darkest = np.quantile(pixels.min(axis=2), 1 - generator.uniform(0.55, 0.85), method="lower")
    return picture_of(pixels * (255 / max(float(darkest), 1.0)))


def under_exposed(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Under-expose to a mean luma of 0.02 to 0.06, with the read and shot noise of a sensor."""
    pixels = np.asarray(picture, dtype=np.float64)
    luma = float(pixels.mean(axis=(0, 1)) @ LUMA) / 255
    pixels = pixels * min(1.0, generator.uniform(0.02, 0.06) / max(luma, 1e-6))
    deviation = np.sqrt(generator.uniform(1, 3) ** 2 + 0.3 * pixels)
    return picture_of(generator.normal(pixels, deviation))


SPOILT: Final[dict[str, Change]] = {
    "blurred": blurred,
    "over-exposed": over_exposed,
    "under-exposed": under_exposed,
}
"""Degradations of a photograph of a lesion, by name; deterministic in the generator."""

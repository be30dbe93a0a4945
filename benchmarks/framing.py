"""``make benchmark NAME=framing``: what framing a lesion is worth on photographs of much skin.

Each photograph of the test folder is pasted off the centre into a large picture of synthetic skin,
as a phone would see it. The model sees the centre square, the square that the page presets by a
rough outline (by its own script, in Chromium), and the square of the pasted photograph.
"""

from __future__ import annotations

import argparse
import base64
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageFilter
from playwright.sync_api import Page
from rich.progress import track

from benchmarks.browser import chromium
from handlers import threads
from handlers.classifier import Classifier
from handlers.decoding import decode, framed_view
from handlers.structure import WHOLE, Box
from loadtests.page import local_page
from training.dataset import Photograph, labels, load, locate
from training.intervals import share
from training.scores import auroc_change, auroc_interval
from training.settings import TrainingSettings

SIZE: Final = (1600, 1200)
SIDE: Final = 300
"""Pixels per side of a pasted photograph: the data set's own."""
FRECKLES: Final = 6
"""Small dark spots on the skin, at most."""
FADES: Final = (0.85, 1.0)
"""Where a pasted photograph fades into the skin: shares of half its side."""
SEED: Final = 1
NOWHERE: Final = "http://127.0.0.1:9"
"""Address of a service that is not asked."""

PRESET: Final = """async (base64) => {
    const { presets } = await import("/static/outline.js");
    const bytes = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
    const [found] = presets(picture);
    picture.close();
    return found ?? null;
}"""


def pasted(lesion: Image.Image, seed: int) -> tuple[bytes, Box]:
    """Paste a photograph off the centre into skin of its own colour.

    Args:
        lesion: RGB.
        seed: of place, light and freckles.

    Returns:
        A JPEG, and the place of the photograph in it.
    """
    rng = np.random.default_rng(seed)
    width, height = SIZE
    small = np.asarray(lesion.resize((SIDE, SIDE)), np.float32)
    ys, xs = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    radius = np.maximum(np.abs(xs), np.abs(ys))
    colour = np.median(small[(radius > FADES[0]) & (radius < FADES[1])], axis=0)
    skin = colour * _light(rng) + rng.normal(0, 3, (height, width, 1))
    left, top = _place(rng)
    weight = np.clip((FADES[1] - radius) / (FADES[1] - FADES[0]), 0, 1)[..., None]
    part = skin[top : top + SIDE, left : left + SIDE]
    # As bright as the skin where it lies.
    local = small * (part.mean(axis=(0, 1)) / np.maximum(colour, 1))
    part += weight * (local - part)
    buffer = io.BytesIO()
    Image.fromarray(skin.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue(), Box(left / width, top / height, SIDE / width, SIDE / height)


def _light(rng: np.random.Generator) -> np.ndarray:
    """Light from one side, skin of uneven colour, and freckles: factors of shape (h, w, 1)."""
    width, height = SIZE
    slope = rng.uniform(-0.1, 0.1, 2)
    ys, xs = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    coarse = rng.normal(128, 3, (height // 40, width // 40)).clip(0, 255).astype(np.uint8)
    patches = Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC)
    freckles = Image.new("L", SIZE, 0)
    for _ in range(rng.integers(FRECKLES + 1)):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        size = int(rng.integers(6, 16))
        freckles.paste(int(rng.integers(30, 90)), (x, y, x + size, y + size))
    spots = np.asarray(freckles.filter(ImageFilter.GaussianBlur(4)), np.float32) / 255
    uneven = np.asarray(patches, np.float32) / 128
    return np.asarray(((1 + slope[0] * xs + slope[1] * ys) * uneven * (1 - spots))[..., None])


def _place(rng: np.random.Generator) -> tuple[int, int]:
    """Left and top of a photograph whose centre lies off the picture's by a quarter or more."""
    width, height = SIZE
    while True:
        left, top = (
            int(rng.integers(SIDE // 4, side - SIDE - SIDE // 4)) for side in (width, height)
        )
        off = np.hypot(left + SIDE / 2 - width / 2, top + SIDE / 2 - height / 2)
        if off > height / 4:
            return left, top


def preset_of(tab: Page, data: bytes) -> Box | None:
    """Ask the page's script for the square that it presets."""
    found = tab.evaluate(PRESET, base64.b64encode(data).decode("ascii"))
    if found is None:
        return None
    width, height = SIZE
    left, top = max(found["x"], 0.0), max(found["y"], 0.0)
    right, bottom = min(left + found["side"], width), min(top + found["side"], height)
    return Box(left / width, top / height, (right - left) / width, (bottom - top) / height)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    wide = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    high = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    both = max(wide, 0.0) * max(high, 0.0)
    return both / (one.width * one.height + other.width * other.height - both)


def hits(box: Box | None, lesion: Box) -> bool:
    """Whether the middle of a pasted photograph lies in a preset square."""
    if box is None:
        return False
    x, y = lesion.x + lesion.width / 2, lesion.y + lesion.height / 2
    return box.x < x < box.x + box.width and box.y < y < box.y + box.height


def _scored(classifier: Classifier, photographs: Sequence[tuple[bytes, Box]]) -> np.ndarray:
    images = (classifier.preprocess(decode(data, box=box), box) for data, box in photographs)
    return np.asarray([one.decision.probability for one in classifier.classify(images)])


def measure(_options: argparse.Namespace) -> dict[str, Any]:
    """Measure the AUROC of each way to choose the square."""
    settings = TrainingSettings()
    source, folder = locate(settings, lambda *_: None, print)
    photographs = load(source, folder, lambda *_: None).test
    classifier = Classifier.load(settings.model_folder, "", threads.cores())
    made = [pasted(_lesion(photo), seed) for seed, photo in enumerate(photographs)]
    with tempfile.TemporaryDirectory() as scratch, local_page(NOWHERE, Path(scratch)) as (port, _):
        with chromium() as browser:
            tab = browser.new_page()
            tab.goto(f"http://127.0.0.1:{port}/")
            presets = [preset_of(tab, data) for data, _ in track(made, "presets", transient=True)]
    found = [box is not None for box in presets]
    near = [box for box in zip(presets, made, strict=True) if hits(box[0], box[1][1])]
    overlaps = [overlap(box, true) for box, (_, true) in near if box is not None]
    ways = {
        "itself": [(photo.path.read_bytes(), WHOLE) for photo in photographs],
        "centre": [(data, WHOLE) for data, _ in made],
        "preset": [(data, box or WHOLE) for (data, _), box in zip(made, presets, strict=True)],
        "true": made,
    }
    scores = {way: _scored(classifier, own) for way, own in ways.items()}
    classes = labels(photographs)
    return {
        "source": source,
        "model_version": classifier.version,
        "variant": classifier.variant.name,
        "photographs": len(photographs),
        "size": list(SIZE),
        "side": SIDE,
        "auroc": {way: auroc_interval(own, classes, SEED) for way, own in scores.items()},
        "gain": {
            way: auroc_change(scores["centre"], scores[way], classes, SEED)
            for way in ("preset", "true")
        },
        "preset": {
            "found": share(np.asarray(found)),
            "on_the_lesion": share(
                np.asarray([hits(box, true) for box, (_, true) in zip(presets, made, strict=True)])
            ),
            "overlap": round(float(np.median(overlaps)), 3) if overlaps else None,
        },
    }


def _lesion(photo: Photograph) -> Image.Image:
    picture = decode(photo.path.read_bytes())
    return framed_view(picture, WHOLE, SIDE)

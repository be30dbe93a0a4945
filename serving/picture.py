"""A photograph side by side with its overlay, and a scale of the colours."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE: Final = 448
MARGIN: Final = 24
CAPTION: Final = 84
BLUE: Final = (33, 102, 172)
WHITE: Final = (247, 247, 247)
RED: Final = (178, 24, 43)
INK: Final = (40, 40, 40)


def side_by_side(
    photograph: Image.Image, overlay: Image.Image, explanation: dict[str, Any]
) -> Image.Image:
    """Compose the two, RGB.

    Args:
        photograph: what the model saw, RGB.
        overlay: the service's, RGB of the same size.
        explanation: of the service; label, probability, method, target and scale are read.
    """
    width = 2 * SIDE + 3 * MARGIN
    sheet = Image.new("RGB", (width, SIDE + 2 * MARGIN + CAPTION), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=16)
    right = SIDE + 2 * MARGIN
    for left, image in ((MARGIN, photograph), (right, overlay)):
        resized = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        sheet.paste(resized, (left, MARGIN))
    top = SIDE + MARGIN + 12
    said = f"{explanation['label']}, probability {explanation['probability']:.3f}"
    draw.text((MARGIN, top), f"what the model saw: {said}", INK, font)
    draw.text((MARGIN, top + 26), f"model {explanation['model_version']}", INK, font)
    shape = " x ".join(str(length) for length in explanation["attribution"]["shape"])
    told = f"{explanation['method']}, {shape} places, target {explanation['target']}"
    draw.text((right, top), told, INK, font)
    _scale(sheet, draw, font, (right, top + 28), explanation["scale"])
    return sheet


def _scale(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    corner: tuple[int, int],
    scale: float,
) -> None:
    """A colour bar from blue (decreases the target's score) to red (increases it)."""
    stops = np.asarray((BLUE, WHITE, RED), dtype=float)
    steps = np.linspace(-1, 1, SIDE)
    row = np.stack([np.interp(steps, (-1, 0, 1), stops[:, c]) for c in range(3)], axis=1)
    bar = Image.fromarray(np.repeat(row[None].round().astype(np.uint8), 14, axis=0))
    sheet.paste(bar, corner)
    left, top = corner
    words = ((left, f"against, -{scale:.2g}", "la"), (left + SIDE // 2, "0", "ma"))
    for x, text, anchor in (*words, (left + SIDE, f"for, {scale:.2g}", "ra")):
        draw.text((x, top + 18), text, INK, font, anchor=anchor)

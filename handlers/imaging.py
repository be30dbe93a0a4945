"""Turn a checked picture into the input of the model.

The only code that prepares a photograph: training and serving both call it, so they cannot differ.
Decoding, which needs neither NumPy nor torch, is in :mod:`handlers.decoding`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from PIL import Image

from handlers.decoding import SIDE, centre_view, decode, framed_view
from handlers.drift import image_statistics
from handlers.structure import BROKEN, NOT_AN_IMAGE, WHOLE, Box, ImageError
from handlers.structure.box import shares_of
from handlers.structure.costs import DRAFT

__all__ = [
    "BROKEN",
    "MEAN",
    "NOT_AN_IMAGE",
    "PREPROCESSING",
    "SIDE",
    "STD",
    "ImageError",
    "PreprocessedImage",
    "centre_view",
    "decode",
    "framed_view",
    "preprocess",
    "to_tensor",
]

MEAN: Final = (0.485, 0.456, 0.406)
STD: Final = (0.229, 0.224, 0.225)

PREPROCESSING: Final[dict[str, object]] = {
    "orientation": "EXIF orientation applied",
    "decode": f"JPEG at 1/2, 1/4 or 1/8 by DCT scaling, both sides from {DRAFT} px up",
    "resize": f"short side to {SIDE} px, Pillow BILINEAR (antialiased), first along the side on "
    "which brightness changes more",
    "crop": f"centre, {SIDE} x {SIDE} px",
    "colour": "sRGB, by the file's profile; alpha on white; 16-bit to 8-bit by its high byte",
    "mean": list(MEAN),
    "std": list(STD),
}
"""Description of the preprocessing for the model card; part of the key of the feature cache."""


@dataclass(frozen=True)
class PreprocessedImage:
    """One photograph, preprocessed for the model."""

    view: Image.Image
    """RGB, side x side pixels: 224, or the side of the serving variant."""
    inputs: torch.Tensor
    """float32 of shape (3, side, side)."""
    statistics: dict[str, float]
    """From :func:`handlers.drift.image_statistics`."""
    box: tuple[float, float, float, float]
    """The square of the upright photograph that the view shows: x, y, width and height, in shares
    of the photograph's width and height."""


def preprocess(picture: Image.Image, side: int = SIDE, box: Box = WHOLE) -> PreprocessedImage:
    """Crop and normalise a decoded picture, and measure its image statistics.

    Args:
        picture: of mode RGB, from :func:`decode`.
        side: pixels per side of the model's input.
        box: the part of the picture that the model sees; without one, the centre square.
    """
    view = framed_view(picture, box, side)
    square = shares_of(box.square(picture.size), picture.size)
    return PreprocessedImage(view, to_tensor(view), image_statistics(view), square)


def to_tensor(view: Image.Image) -> torch.Tensor:
    """Normalise a view with ImageNet's mean and standard deviation.

    Args:
        view: RGB, side x side pixels, from :func:`framed_view`.

    Returns:
        float32 of shape (3, side, side).
    """
    # In place: three times as fast as with a new array per step.
    planes = np.asarray(view).transpose(2, 0, 1).astype(np.float32, order="C")
    planes /= np.float32(255)
    planes -= np.asarray(MEAN, np.float32)[:, None, None]
    planes /= np.asarray(STD, np.float32)[:, None, None]
    return torch.from_numpy(planes)

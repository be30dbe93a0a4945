"""Localisation: share of the attribution inside an outline, and position of the maximum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image
from scipy import ndimage

from handlers.explainers.pixels import upsampled
from handlers.imaging import SIDE, decode
from training.dataset import Photograph
from training.evaluation.explanations.subjects import Explained, Subject
from training.synthetic import draw

NEAR: Final = 15.0
"""Pixels by which a maximum may miss the outline (Zhang et al. 2016): half a cell of the coarsest
map."""
PROPORTIONS: Final = 0.01
"""Allowed difference between the proportions of a photograph and of its mask, from rounding."""


@dataclass(frozen=True)
class Outlined:
    """A picture with a known outline."""

    subject: Subject
    mask: np.ndarray
    """bool of shape (224, 224)."""


@dataclass(frozen=True)
class LocalisationScore:
    """Localisation scores of one map and one outline."""

    mass: float
    """Share of the positive attribution that lies inside, 0 to 1."""
    pointing: bool
    """Whether the maximum is inside or near the outline (pointing game, Zhang et al. 2016)."""


@dataclass(frozen=True)
class LocalisationScores:
    """Localisation scores of n maps, by method or control."""

    mass: dict[str, np.ndarray]
    """Shares of the positive attribution that lie inside, shape (n,)."""
    pointing: dict[str, np.ndarray]
    """Whether the maximum is inside, bool of shape (n,)."""
    area: np.ndarray
    """Share of the picture that each outline covers, shape (n,); empty without outlines."""


def locate(values: np.ndarray, mask: np.ndarray) -> LocalisationScore:
    """Compare a map, interpolated to pixels, with an outline.

    Args:
        values: the map, shape (h, w); values below 0 are ignored.
        mask: bool of shape (224, 224).
    """
    pixels = values if len(values) == SIDE else upsampled(values, SIDE)
    positive = np.maximum(pixels, 0.0).astype(np.float64)
    total = float(positive.sum())
    near = ndimage.distance_transform_edt(~mask) <= NEAR
    # A plateau counts as inside if most of it is.
    highest = pixels >= pixels.max()
    return LocalisationScore(
        # A map without a positive attribution points nowhere.
        mass=float(positive[mask].sum()) / total if total > 0 else 0.0,
        pointing=total > 0 and bool(near[highest].mean() > 0.5),
    )


def masks_of(folder: Path, photographs: tuple[Photograph, ...]) -> dict[str, Path]:
    """Find outlines drawn by people, by the digest of the photograph.

    Args:
        folder: holds ``masks/NAME.png`` for photographs ``NAME.*``.
        photographs: that may have one; two of one name have none, as nobody knows whose it is.
    """
    names: dict[str, list[str]] = {}
    for photo in photographs:
        names.setdefault(photo.path.stem, []).append(photo.digest)
    found = {path.stem: path for path in (folder / "masks").glob("*.png")}
    return {
        digests[0]: found[name]
        for name, digests in names.items()
        if len(digests) == 1 and name in found
    }


def masked(
    explained: Explained, photographs: tuple[Photograph, ...], masks: Mapping[str, Path], most: int
) -> Iterator[Outlined]:
    """Yield photographs with their outlines, in the order of their digests.

    One whose outline is empty in the square that the model sees, or has other proportions than
    the photograph, is passed over.
    """
    count = 0
    for photo in photographs:
        if count >= most:
            return
        if photo.digest not in masks:
            continue
        picture = decode(photo.path.read_bytes())
        mask = seen(masks[photo.digest], picture)
        if mask is not None:
            count += 1
            yield Outlined(explained.subject(photo.digest, picture), mask)


def seen(path: Path, picture: Image.Image) -> np.ndarray | None:
    """Crop an outline to the model's input.

    Args:
        path: of the mask, white is lesion.
        picture: the photograph that it belongs to, perhaps at another scale.

    Returns:
        bool of shape (224, 224); None where it is empty or does not fit the photograph.
    """
    with Image.open(path) as opened:
        mask = opened.convert("L")
    if abs(mask.width / mask.height - picture.width / picture.height) > PROPORTIONS:
        return None
    short = min(mask.size)
    left, top = (mask.width - short) / 2, (mask.height - short) / 2
    box = (left, top, left + short, top + short)
    found = np.asarray(mask.resize((SIDE, SIDE), Image.Resampling.NEAREST, box=box)) >= 128
    return found if found.any() else None


def synthetic(explained: Explained, count: int) -> Iterator[Outlined]:
    """Yield synthetic lesions, benign and malignant in turn, whose outline is exact."""
    for number in range(count):
        lesion = draw(number, number % 2)
        mask = Image.fromarray(lesion.mask).resize((SIDE, SIDE), Image.Resampling.NEAREST)
        subject = explained.subject(f"synthetic-{number}", Image.fromarray(lesion.image))
        yield Outlined(subject, np.asarray(mask))

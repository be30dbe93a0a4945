"""Dermoscopy-like lesions with masks, drawn deterministically.

They stand in for photographs where none can be reached, and give the tests a truth to hold the
explanations against. What tells the classes apart are the criteria of the ABCD rule of dermoscopy
(Nachbar et al. 1994): asymmetry of shape and of colour, an irregular or abruptly ending border,
the number of colours, and differential structures (network, globules, streaks). Every criterion
follows one hidden severity with its own noise, and the severities of the classes overlap.

They are drawings: nothing measured on them says anything about patients.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.artefacts import PAINTERS
from training.pigment import Criteria, bare_skin, lesion_body, pigmented

BENIGN, MALIGNANT = 0, 1
ARTEFACTS = ("hair", "ruler", "ink", "dark_corners")
VERSION = 1  # increase it when the same seed gives another picture

_CLASSES = ("benign", "malignant")
_ARTEFACT_PROBABILITY = {"hair": 0.35, "ruler": 0.2, "ink": 0.15, "dark_corners": 0.25}
_SEVERITY = {BENIGN: 0.25, MALIGNANT: 0.75}
_SEVERITY_DEVIATION = 0.12


@dataclass(frozen=True)
class SyntheticLesion:
    """One synthetic picture: RGB uint8 (size, size, 3) and the lesion's mask, bool (size, size)."""

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    label: int
    artefacts: frozenset[str]


def draw(
    seed: int, label: int, *, size: int = 300, artefacts: Collection[str] | None = None
) -> SyntheticLesion:
    """Draw one lesion; the same arguments always give the same bytes.

    `size` is the side in pixels. `artefacts` None draws them at random, independently of the label;
    otherwise exactly those named are painted, over the same lesion.

    Raises ValueError for a negative seed, a label other than 0 and 1, a size below 64 and an
    unknown artefact.
    """
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    if label not in _SEVERITY:
        raise ValueError(f"label must be {BENIGN} (benign) or {MALIGNANT} (malignant), got {label}")
    if size < 64:
        raise ValueError(f"size must be at least 64 pixels, got {size}")
    unknown = sorted(set(artefacts or ()) - set(ARTEFACTS))
    if unknown:
        raise ValueError(f"unknown artefacts {unknown}, known are {list(ARTEFACTS)}")

    # One random stream per part, so that other artefacts do not change skin and lesion.
    streams = np.random.SeedSequence((seed, label)).spawn(3 + len(ARTEFACTS))
    choice, skin_rng, lesion_rng, *painters = (np.random.default_rng(s) for s in streams)
    if artefacts is None:
        chances = zip(ARTEFACTS, choice.random(len(ARTEFACTS)), strict=True)
        artefacts = [name for name, chance in chances if chance < _ARTEFACT_PROBABILITY[name]]
    severity = lesion_rng.normal(_SEVERITY[label], _SEVERITY_DEVIATION)
    criteria = Criteria.around(lesion_rng, severity)
    body = lesion_body(lesion_rng, size, criteria)
    density = pigmented(lesion_rng, bare_skin(skin_rng, size), body, criteria)
    for (name, paint), rng in zip(PAINTERS.items(), painters, strict=True):
        if name in artefacts:
            density = paint(rng, density, body.mask)
    grain = skin_rng.standard_normal((size, size), dtype=np.float32) * np.float32(1.5)
    image = np.clip(np.exp(-density) * 255 + grain, 0, 255).astype(np.uint8)
    image = np.ascontiguousarray(image.transpose(1, 2, 0))
    return SyntheticLesion(image, body.mask, label, frozenset(artefacts))


def draw_set(
    folder: Path,
    *,
    per_class: Mapping[str, int],
    seed: int = 0,
    size: int = 300,
    progress: Callable[[str, int, int], None] | None = None,
) -> Path:
    """Draw a data set in the Kaggle layout, with masks, and return its folder.

    `per_class` gives the pictures of each class for each split, as in {"train": 240, "test": 80}.
    `size` is the side of each in pixels.
    Pictures are {split}/{class}/synthetic_NNNN.jpg, masks masks/{split}/{class}/synthetic_NNNN.png.
    `progress` is called with (split, pictures done, pictures in all) after each picture.

    The folder appears whole or not at all. One drawn earlier with the same parameters is kept; one
    with others is replaced. Raises FileExistsError where `folder` holds anything else, ValueError
    for a split that is not a plain folder name or a negative count.
    """
    for split, count in per_class.items():
        if split in ("", ".", "..", "masks") or Path(split).name != split or count < 0:
            raise ValueError(f"per_class must map a folder name to a count, got {split!r}: {count}")
    folder = Path(folder)
    stamp = {"version": VERSION, "per_class": dict(per_class), "seed": seed, "size": size}
    if _stamp(folder) == stamp:
        return folder
    if folder.exists() and _stamp(folder) is None and (folder.is_file() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} holds something other than synthetic lesions")
    folder.parent.mkdir(parents=True, exist_ok=True)
    workplace = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    new = workplace / "new"
    new.mkdir()
    try:
        for split, count in per_class.items():
            _draw_split(new, split, count, seed, size, progress)
        (new / "synthetic.json").write_text(json.dumps(stamp, indent=2) + "\n")
        if folder.exists():
            # Moved before it is deleted, so that an incomplete set never exists under
            # its stamp.
            os.replace(folder, workplace / "old")
        os.replace(new, folder)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    return folder


def _stamp(folder: Path) -> object:
    try:
        return json.loads((folder / "synthetic.json").read_text())
    except (OSError, ValueError):
        return None


def _draw_split(
    folder: Path,
    split: str,
    count: int,
    seed: int,
    size: int,
    progress: Callable[[str, int, int], None] | None,
) -> None:
    for label, name in enumerate(_CLASSES):
        pictures, masks = folder / split / name, folder / "masks" / split / name
        pictures.mkdir(parents=True)
        masks.mkdir(parents=True)
        for number in range(count):
            source = np.random.SeedSequence((seed, crc32(split.encode()), number))
            lesion = draw(int(source.generate_state(1, np.uint64)[0]), label, size=size)
            stem = f"synthetic_{number:04d}"
            Image.fromarray(lesion.image).save(pictures / f"{stem}.jpg", quality=92)
            Image.fromarray(lesion.mask).save(masks / f"{stem}.png")
            if progress is not None:
                progress(split, label * count + number + 1, len(_CLASSES) * count)

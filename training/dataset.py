"""Find the photographs and check each file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from handlers import photograph_files
from handlers.colours import PROFILE, ignored
from handlers.decoding import decode
from handlers.structure import ImageError
from training import synthetic
from training.console import RunLog
from training.errors import TrainingError
from training.files import atomic_write
from training.settings import TrainingSettings

KAGGLE: Final = "hasnainjaved/melanoma-skin-cancer-dataset-of-10000-images"
CLASSES: Final = ("benign", "malignant")
"""Folders of class 0 and of class 1."""
SPLITS: Final = ("train", "test")
LAYOUT: Final = """\
    FOLDER/
      train/
        benign/      *.jpg, *.jpeg, *.png or *.webp
        malignant/
      test/
        benign/
        malignant/"""
SHOWN: Final = 10
"""Left-out files that are printed; all are in ``left_out.txt``."""

Progress = Callable[[str, int, int], None]


class DatasetError(TrainingError):
    """The photographs cannot be used; the message says what was expected where."""


@dataclass(frozen=True)
class Photograph:
    """One checked file."""

    path: Path
    label: int
    digest: str
    """sha256 of the file, hexadecimal."""
    colours: str = ""
    """``converted`` to sRGB, or why the file's colour profile is ignored; empty without one."""


@dataclass(frozen=True)
class Dataset:
    """Checked photographs of both splits, each in the order of its digests."""

    source: str
    """``folder``, ``kaggle`` or ``synthetic``."""
    train: tuple[Photograph, ...]
    test: tuple[Photograph, ...]
    left_out: tuple[tuple[Path, str], ...]
    """Files that are not used, each with the reason."""

    @property
    def digest(self) -> str:
        """sha256 over content and label of every photograph of every split."""
        parts = [
            f"{name}:{photo.label}:{photo.digest}"
            for name in SPLITS
            for photo in getattr(self, name)
        ]
        return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()

    def colour_profiles(self) -> dict[str, int]:
        """Number of photographs by the treatment of their colour profile, most frequent first."""
        found = Counter(photo.colours for photo in (*self.train, *self.test) if photo.colours)
        return dict(found.most_common())

    def counts(self) -> dict[str, dict[str, int]]:
        """Number of photographs by split and class."""
        return {
            name: {
                folder: sum(photo.label == label for photo in getattr(self, name))
                for label, folder in enumerate(CLASSES)
            }
            for name in SPLITS
        }


def labels(photographs: Sequence[Photograph]) -> np.ndarray:
    """Class of each photograph, int64 of shape (n,)."""
    return np.asarray([photo.label for photo in photographs], dtype=np.int64)


def find(settings: TrainingSettings, log: RunLog) -> Dataset:
    """Find, check and split the photographs; report what was left out and why."""
    with log.step("data"):
        source, folder = locate(settings, log.progress, log.say)
        found = load(source, folder, log.progress)
    counts = found.counts()
    for split, per_class in counts.items():
        log.say(f"  {split}: " + ", ".join(f"{n} {name}" for name, n in per_class.items()))
    # A file name may hold bytes that are no text.
    lines = [
        f"{path}: {reason}".encode("utf-8", "backslashreplace").decode()
        for path, reason in found.left_out
    ]
    for line in lines[:SHOWN]:
        log.say(f"  left out {line}")
    if len(lines) > SHOWN:
        log.say(f"  ... and {len(lines) - SHOWN} more")
    with atomic_write(settings.build / "left_out.txt") as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return found


def locate(
    settings: TrainingSettings, progress: Progress, say: Callable[[str], None]
) -> tuple[str, Path]:
    """Determine the source of the photographs and their folder.

    ``LESIONLENS_DATA``, else the Kaggle set through kagglehub, else the embedded synthetic set.

    Raises:
        DatasetError: ``LESIONLENS_DATA`` names a folder without the layout.
    """
    if settings.data is not None:
        return "folder", find_layout(settings.data)
    try:
        import kagglehub

        say("LESIONLENS_DATA is not set: asking Kaggle for the set (downloaded once)")
        return "kaggle", find_layout(Path(kagglehub.dataset_download(KAGGLE)))
    except DatasetError:
        raise
    except Exception as error:  # kagglehub raises any exception of its HTTP client
        say(
            f"Kaggle cannot be reached ({type(error).__name__}): using the EMBEDDED SYNTHETIC "
            "SET. A model that is trained on its synthetic lesions is not valid for people. Set "
            "LESIONLENS_DATA to a folder of photographs."
        )
    per_class = {"train": settings.synthetic_train, "test": settings.synthetic_test}
    name = f"synthetic-{settings.synthetic_train}-{settings.synthetic_test}-{settings.seed}"
    folder = settings.cache / name
    synthetic.draw_set(folder, per_class=per_class, seed=settings.seed, progress=progress)
    return "synthetic", folder


def find_layout(folder: Path) -> Path:
    """Find the folder with the layout: this one, or one up to two levels below it.

    Raises:
        DatasetError: shows the layout expected and what is there instead.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder; expected photographs in it:\n{LAYOUT}")
    for candidate in (folder, *sorted(folder.glob("*/")), *sorted(folder.glob("*/*/"))):
        if all((candidate / split / name).is_dir() for split, name in _folders()):
            return candidate
    found = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
    raise DatasetError(f"{folder} has not the layout expected:\n{LAYOUT}\n  found there: {found}")


def load(source: str, folder: Path, progress: Progress) -> Dataset:
    """Open and check every file of a folder that has the layout.

    A photograph of ``test`` that also lies in ``train`` is left out of ``train``.

    Args:
        source: for the record.
        folder: from :func:`find_layout`.
        progress: called with (what, done, total).

    Raises:
        DatasetError: a class has too few usable photographs in a split.
    """
    left_out: list[tuple[Path, str]] = []
    parts: dict[str, dict[str, Photograph]] = {"test": {}, "train": {}}
    files = list(_files(folder))
    with ThreadPoolExecutor(max_workers=2) as pool:
        checks = pool.map(lambda entry: entry[3] or _check(entry[2], entry[1]), files)
        for done, ((split, _, path, _), checked) in enumerate(zip(files, checks, strict=True), 1):
            reason = checked if isinstance(checked, str) else _copy_of(checked, split, parts)
            if reason:
                left_out.append((path, reason))
            elif isinstance(checked, Photograph):
                parts[split][checked.digest] = checked
            progress("check", done, len(files))
    train, test = (
        tuple(sorted(parts[split].values(), key=lambda photo: photo.digest)) for split in SPLITS
    )
    dataset = Dataset(source, train, test, tuple(left_out))
    _demand_enough(dataset, folder)
    return dataset


def _folders() -> list[tuple[str, str]]:
    # Test first: a copy of one of its photographs is then known when train is read.
    return [(split, name) for split in ("test", "train") for name in CLASSES]


def _files(folder: Path) -> Iterator[tuple[str, int, Path, str]]:
    """Yield split, class and path of every file, and why it is left out or an empty string."""
    for split, name in _folders():
        found = photograph_files.find(folder / split / name)
        label = CLASSES.index(name)
        files = [*((path, "") for path in found.photographs), *found.left_out]
        for path, reason in sorted(files):
            yield split, label, path, reason


def _check(path: Path, label: int) -> Photograph | str:
    """Return the photograph, or the reason why it cannot be used."""
    try:
        data = path.read_bytes()
        profile = decode(data).info.get(PROFILE, b"")
    except ImageError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    colours = (ignored(profile) or "converted") if profile else ""
    return Photograph(path, label, hashlib.sha256(data).hexdigest(), colours)


def _copy_of(photo: Photograph, split: str, parts: dict[str, dict[str, Photograph]]) -> str:
    """Return of which photograph this is a copy, or nothing."""
    for name in ("test", split):
        if other := parts[name].get(photo.digest):
            other_label = "" if other.label == photo.label else f", labelled {CLASSES[other.label]}"
            return f"the same file as {name}/{CLASSES[other.label]}/{other.path.name}{other_label}"
    return ""


def _demand_enough(dataset: Dataset, folder: Path) -> None:
    for split, per_class in dataset.counts().items():
        for name, count in per_class.items():
            if count < 2:
                raise DatasetError(
                    f"{folder}: {count} usable photographs of class {name} for {split}, at least 2 "
                    f"are needed ({len(dataset.left_out)} files were left out); expected:\n{LAYOUT}"
                )

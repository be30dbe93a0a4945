"""Cache of results on disk, so that an interrupted run continues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from training.files import atomic_write

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class ResultCache:
    """A folder of named results, each of a few arrays."""

    folder: Path

    def get(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """Read a cached result; compute and cache it if it is missing or damaged.

        Args:
            name: may hold slashes.
            compute: what is asked for where it is not there.

        Raises:
            OSError: the folder cannot be written.
        """
        path = self.folder / f"{name}.npz"
        try:
            with np.load(path, allow_pickle=False) as kept:
                return {key: kept[key] for key in kept.files}
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            pass
        arrays = dict(compute())
        with atomic_write(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
        return arrays

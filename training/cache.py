"""Cache of arrays on disk by name, with a checksum.

A killed run or a full disk leaves a complete entry or none; a damaged one is computed again.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.files import atomic_write

CHECKSUM = 4
"""Bytes of the CRC-32 at the end of an entry."""

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Cache:
    """A folder of named entries, each of one array or more."""

    folder: Path
    shape: tuple[int, ...] | None = None
    """Shape that every array must have; by default any."""
    dtype: type[np.floating] | None = None
    """Type that arrays are cast to, and that their numbers must be finite in; by default any."""

    def get(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """Read an entry; compute and write it if it is missing or damaged.

        Args:
            name: may hold slashes.
            compute: gives what :meth:`write` takes.

        Raises:
            OSError: the folder cannot be written.
        """
        found = self.read(name)
        if found is None:
            found = tuple(np.asarray(array) for array in compute())
            self.write(name, *found)
        return found

    def read(self, name: str) -> Arrays | None:
        """Read the arrays of a name; None if they are missing or damaged."""
        try:
            data = self.place(name).read_bytes()
        except OSError:
            return None
        body, checksum = data[:-CHECKSUM], data[-CHECKSUM:]
        if zlib.crc32(body).to_bytes(CHECKSUM, "little") != checksum:
            return None
        stream, arrays = io.BytesIO(body), []
        try:
            while stream.tell() < len(body):
                arrays.append(np.lib.format.read_array(stream, allow_pickle=False))
        except ValueError:  # another file, though with a checksum
            return None
        # Four zeros are the checksum of nothing.
        return tuple(arrays) if arrays and all(map(self._fits, arrays)) else None

    def write(self, name: str, *arrays: np.ndarray) -> None:
        """Write the arrays of a name, of the folder's shape or any.

        Raises:
            OSError: the disk is full or may not be written; nothing is left of the entry then.
        """
        stream = io.BytesIO()
        for array in arrays:
            np.save(stream, array.astype(self.dtype or array.dtype), allow_pickle=False)
        body = stream.getvalue()
        with atomic_write(self.place(name)) as temporary:
            temporary.write_bytes(body + zlib.crc32(body).to_bytes(CHECKSUM, "little"))

    def discard(self, name: str) -> None:
        """Remove an entry, if there is one."""
        self.place(name).unlink(missing_ok=True)

    def place(self, name: str) -> Path:
        """Return the file of an entry, in one folder per two letters."""
        folder, _, last = name.rpartition("/")
        return self.folder / folder / last[:2] / f"{last}.npy"

    def _fits(self, array: np.ndarray) -> bool:
        right = self.shape in (None, array.shape) and self.dtype in (None, array.dtype)
        return right and (self.dtype is None or bool(np.isfinite(array).all()))

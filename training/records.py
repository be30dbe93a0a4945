"""Arrays on disk by name, with a checksum.

A killed run or a full disk leaves a complete record or none; a damaged one is recomputed.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.files import atomic_write

CHECKSUM = 4
"""Bytes of the CRC-32 at the end of a record."""


@dataclass(frozen=True)
class Records:
    """A folder of arrays of one shape and type."""

    folder: Path
    shape: tuple[int, ...]
    dtype: type[np.floating]

    def read(self, name: str) -> np.ndarray | None:
        """Read the array of a name; None if it is missing or damaged."""
        try:
            data = self.place(name).read_bytes()
        except OSError:
            return None
        body, checksum = data[:-CHECKSUM], data[-CHECKSUM:]
        if zlib.crc32(body).to_bytes(CHECKSUM, "little") != checksum:
            return None
        try:
            array = np.lib.format.read_array(io.BytesIO(body), allow_pickle=False)
        except ValueError:  # four zeros are the checksum of nothing
            return None
        right = array.shape == self.shape and array.dtype == self.dtype
        return np.asarray(array) if right and np.isfinite(array).all() else None

    def write(self, name: str, array: np.ndarray) -> None:
        """Write an array.

        Raises:
            OSError: the disk is full or may not be written; nothing is left of the record then.
        """
        stream = io.BytesIO()
        np.save(stream, array.astype(self.dtype), allow_pickle=False)
        body = stream.getvalue()
        with atomic_write(self.place(name)) as temporary:
            temporary.write_bytes(body + zlib.crc32(body).to_bytes(CHECKSUM, "little"))

    def discard(self, name: str) -> None:
        """Remove a record, if there is one."""
        self.place(name).unlink(missing_ok=True)

    def place(self, name: str) -> Path:
        """Return the file of a record, in one folder per two digits."""
        return self.folder / name[:2] / f"{name}.npy"

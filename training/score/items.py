"""Items: where each photograph of the input lies, and how its bytes are read."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import fsspec

from handlers.structure.box import WHOLE, Box
from training.score.errors import UnreadableError


class Item(NamedTuple):
    """One photograph of the input; nothing of it has been read."""

    path: str
    """Name in the output."""
    url: str
    """Path or address of the file, or of the archive file that has it."""
    member: str = ""
    """Name in a zip file."""
    start: int = -1
    """Offset in a tar file, in bytes."""
    size: int = -1
    """Bytes in a tar file."""
    id: str = ""
    """Identifier of the table or of the tar file."""
    error: str = ""
    """Why it cannot be read, where that is known already."""
    box: Box = WHOLE
    """Part of the photograph that is scored."""

    @property
    def requested_box(self) -> str:
        """The box as a text; empty where the whole photograph is scored."""
        return "" if self.box == WHOLE else self.box.text


def answer_key(digest: str, box: Box) -> str:
    """Return what identifies an answer: the content of a photograph, and the box in it.

    Args:
        digest: SHA-256 of the content, hexadecimal.
        box: part of the photograph that is scored.

    Returns:
        64 hexadecimal digits; those of the content where the whole photograph is scored.
    """
    if box == WHOLE:
        return digest
    return hashlib.sha256(f"{digest} {box.text}".encode()).hexdigest()


class Chunk(NamedTuple):
    """Consecutive photographs."""

    first: int
    """Place of the first in the output."""
    items: Sequence[Item]


class Reader:
    """Reads the files of photographs; the last archive file stays open for the next of its items.

    Args:
        max_bytes: that a file may have.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._open = ExitStack()
        self._url = ""
        self._archive: Any = None

    def close(self) -> None:
        """Close the archive file that is open."""
        self._open.close()
        self._url = ""

    def read(self, item: Item) -> bytes:
        """Read the file of a photograph.

        Raises:
            UnreadableError: it is missing, damaged or too large.
        """
        if item.error:
            raise UnreadableError(item.error)
        try:
            data = self._read(item, self._max_bytes + 1)
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror or error}") from None
        except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:
            # A wrong checksum, a password, an unknown compression.
            raise UnreadableError(f"cannot be read from the zip file: {error}") from None
        if len(data) > self._max_bytes:
            raise UnreadableError(
                f"the file has more than {self._max_bytes / 1e6:g} MB: scale the photograph down, "
                "or raise LESIONLENS_MAX_BODY_BYTES"
            )
        return data

    def _read(self, item: Item, most: int) -> bytes:
        """Read at most so many bytes."""
        if not item.member and item.start < 0:
            files, path = fsspec.url_to_fs(item.url)
            with files.open(path, "rb", cache_type="none") as stream:
                return bytes(stream.read(most))
        if item.url != self._url:
            self.close()
            files, path = fsspec.url_to_fs(item.url)
            self._archive = self._open.enter_context(files.open(path, "rb"))
            if item.member:
                self._archive = self._open.enter_context(zipfile.ZipFile(self._archive))
            self._url = item.url
        if item.member:
            with self._archive.open(item.member) as member:
                return bytes(member.read(most))
        self._archive.seek(item.start)
        return bytes(self._archive.read(min(item.size, most)))

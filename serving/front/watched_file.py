"""A file that is read again when it changes; invalid content is ignored."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

CHECK_SECONDS: Final = 1.0
"""Minimum seconds between two checks of a file."""
MAX_BYTES: Final = 1_000_000
"""Maximum bytes of a file: it is read between two requests."""

Content = TypeVar("Content")
Report = Callable[[str], None]


class WatchedFile(Generic[Content]):
    """Reads a file again on access, at most once a second, without a background task.

    Its bytes are compared, not its time: Kubernetes replaces a Secret by a link, and two versions
    may have the same size and time.

    Args:
        path: of the file.
        parse: makes the content; raises ValueError for a file that will not do.
        what: names the file in messages, with its variable.
        report: called with a line for an operator when the file breaks and when it is well again.
        clock: seconds, for tests.

    Raises:
        ValueError: the file cannot be read, or will not do: at the start nothing is kept.
    """

    def __init__(
        self,
        path: Path,
        parse: Callable[[bytes], Content],
        what: str,
        report: Report,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._parse, self._what = path, parse, what
        self._report, self._clock = report, clock
        self._problem = ""
        self._checked = clock()
        self._bytes = self._read()
        self._content = self._parsed(self._bytes)

    def content(self) -> Content:
        """Return the file's content, or the last valid content."""
        now = self._clock()
        if now - self._checked >= CHECK_SECONDS:
            self._checked = now
            self._check()
        return self._content

    def _check(self) -> None:
        try:
            content = self._read()
            if content != self._bytes or self._problem:
                self._content, self._bytes = self._parsed(content), content
        except ValueError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                self._report(f"{error}; the last valid content stays in force")
            return
        if self._problem:
            self._problem = ""
            self._report(f"{self._what} can be read again and is in force")

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise ValueError(
                f"{self._what}: {self._path} cannot be read ({error.strerror})"
            ) from None
        if len(content) > MAX_BYTES:
            raise ValueError(f"{self._what}: {self._path} has more than {MAX_BYTES} bytes")
        return content

    def _parsed(self, content: bytes) -> Content:
        try:
            return self._parse(content)
        except ValueError as error:
            raise ValueError(f"{self._what}: {self._path}: {error}") from None

"""API key of our own clients, read from a file so that it is not in the environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from serving.front.access.credentials import MAX_KEY_CHARACTERS
from serving.front.watched_file import Report, WatchedFile

VARIABLE: Final = "LESIONLENS_KEY_FILE"


class ClientKey:
    """A key in a file that may be replaced while its client runs.

    Args:
        path: of the file.
        variable: that names it.
        report: called with a line where it breaks.

    Raises:
        ValueError: the file has no key.
    """

    def __init__(self, path: Path, variable: str, report: Report) -> None:
        self._file = WatchedFile(path, _key, variable, report)

    def headers(self) -> dict[str, str]:
        """Return the headers of a request with the key."""
        return {"Authorization": f"Bearer {self._file.content()}"}


def authorization(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the headers for a client that runs once; empty without a key file.

    Args:
        environment: variables of the process.

    Raises:
        ValueError: the file that ``LESIONLENS_KEY_FILE`` names has no key.
    """
    path = environment.get(VARIABLE, "").strip()
    return ClientKey(Path(path), VARIABLE, lambda line: None).headers() if path else {}


def _key(content: bytes) -> str:
    try:
        key = content.decode("ascii").strip()
    except ValueError:
        key = ""
    if not key or not key.isprintable() or " " in key or len(key) > MAX_KEY_CHARACTERS:
        raise ValueError("it holds no key: one line, as `make -s key NAME=...` prints it")
    return key

"""API keys: generation, and the file that holds their names and SHA-256, never the keys."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from serving.front.access.credentials import VERBS, Caller

PREFIX: Final = "lesionlens_"
"""Prefix by which secret scanners find a key that was published by accident."""
RANDOM_BYTES: Final = 32
"""256 random bits: a key cannot be guessed, so its plain SHA-256 reveals nothing."""
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
RESERVED: Final = ("other", "anonymous")
"""Names that the metrics reserve."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_ID_DIGITS: Final = 8
_FIELDS: Final = {"name", "sha256", "verbs", "expires"}


@dataclass(frozen=True)
class KeyEntry:
    """One key of the file."""

    name: str
    sha256: str
    """In hexadecimal digits."""
    verbs: tuple[str, ...] = VERBS
    expires: date | None = None
    """Last day of validity, in UTC."""

    @property
    def id(self) -> str:
        """Identifier that distinguishes two keys of one name; not secret."""
        return self.sha256[:_ID_DIGITS]

    def valid_on(self, day: date) -> bool:
        """Whether it has not expired on a day of UTC."""
        return self.expires is None or day <= self.expires


def new_key() -> str:
    """Generate a new random key."""
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def digest(key: str) -> str:
    """SHA-256 of a key, in hexadecimal digits."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def parse(content: bytes) -> tuple[KeyEntry, ...]:
    """Read the file.

    Args:
        content: as :func:`written` gives it.

    Raises:
        ValueError: it is not such a file; quotes nothing of it.
    """
    try:
        document: Any = json.loads(content)
    except ValueError:
        raise ValueError("it is not JSON: make it with `make key`") from None
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError('it has no list "keys": make it with `make key`')
    return tuple(_entry(number, entry) for number, entry in enumerate(entries))


def written(entries: Iterable[KeyEntry]) -> str:
    """Return the text of the file."""
    keys = [
        {
            "name": entry.name,
            "sha256": entry.sha256,
            "verbs": list(entry.verbs),
            **({"expires": entry.expires.isoformat()} if entry.expires else {}),
        }
        for entry in entries
    ]
    return json.dumps({"keys": keys}, indent=1) + "\n"


def check_name(name: str) -> str:
    """Return the name if it is valid.

    Raises:
        ValueError: it cannot.
    """
    if not NAME.fullmatch(name) or name in RESERVED:
        raise ValueError(
            "a name has up to 63 small letters, digits, dots, dashes and underscores, begins with "
            f"a letter or digit, and is none of: {', '.join(RESERVED)}"
        )
    return name


def check_verbs(verbs: Iterable[str]) -> tuple[str, ...]:
    """Return the verbs in their order if all are valid.

    Raises:
        ValueError: there is none, or one that is not a verb.
    """
    chosen = set(verbs)
    if not chosen or not chosen <= set(VERBS):
        raise ValueError(f"verbs are one or more of: {', '.join(VERBS)}")
    return tuple(verb for verb in VERBS if verb in chosen)


class KeyRing:
    """The keys of one version of the file, found by their digest.

    Args:
        entries: of the file.
    """

    def __init__(self, entries: Iterable[KeyEntry]) -> None:
        self._by_id: dict[str, list[tuple[KeyEntry, Caller]]] = {}
        for entry in entries:
            caller = Caller(entry.name, frozenset(entry.verbs))
            self._by_id.setdefault(entry.id, []).append((entry, caller))

    def caller_of(self, key: str, day: date) -> Caller | None:
        """Return the caller of a key; None if it is unknown or expired.

        Digests are compared in constant time, so that timing reveals nothing about a key.

        Args:
            key: as a client sent it.
            day: of UTC.
        """
        sha256 = digest(key)
        for entry, caller in self._by_id.get(sha256[:_ID_DIGITS], ()):
            if hmac.compare_digest(entry.sha256, sha256) and entry.valid_on(day):
                return caller
        return None


def _entry(number: int, entry: Any) -> KeyEntry:
    where = f"entry {number}"
    if not isinstance(entry, dict) or not {"name", "sha256"} <= entry.keys() <= _FIELDS:
        raise ValueError(f"{where} must have name and sha256, and may have verbs and expires")
    name, sha256, verbs = entry["name"], entry["sha256"], entry.get("verbs", list(VERBS))
    if not (isinstance(sha256, str) and _DIGEST.fullmatch(sha256)):
        raise ValueError(f"{where}: sha256 is not 64 hexadecimal digits: never write a key there")
    if not isinstance(name, str) or not isinstance(verbs, list):
        raise ValueError(f"{where}: name is a text, verbs is a list")
    try:
        expires = date.fromisoformat(entry["expires"]) if "expires" in entry else None
    except (TypeError, ValueError):
        raise ValueError(f"{where}: expires is a date as 2027-12-31") from None
    try:
        return KeyEntry(check_name(name), sha256, check_verbs(map(str, verbs)), expires)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def write_private(path: Path, text: str) -> None:
    """Write a file atomically; a server that reads it sees the old or the new content.

    Args:
        path: of the file; its folder is made where it is not there.
        text: of the file.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Files by mkstemp are private from the first byte on.
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

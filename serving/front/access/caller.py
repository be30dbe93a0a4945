"""The authenticated caller of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

VERBS: Final = ("predict", "explain")
MAX_KEY_CHARACTERS: Final = 4_096
"""Maximum characters of a key or token. Ours have 54; tokens with many claims one or two
thousand."""


@dataclass(frozen=True)
class Caller:
    """The caller that a key or a token identifies."""

    name: str
    """Name in logs and metrics: printable and short."""

    verbs: frozenset[str] = frozenset(VERBS)
    """Verbs that the caller may use."""


ANONYMOUS: Final = Caller("anonymous")
"""The caller of every request if access control is off."""

"""Who a request is from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

VERBS: Final = ("predict", "explain")
MAX_KEY_CHARACTERS: Final = 4_096
"""Of a key or token. Ours have 54; tokens with many claims have one or two thousand."""


@dataclass(frozen=True)
class Caller:
    """A name that a key or a token stands for."""

    name: str
    """Of logs and metrics: printable and short."""

    verbs: frozenset[str] = frozenset(VERBS)
    """That it may ask for."""


ANYBODY: Final = Caller("anybody")
"""The caller of every request where the service has no lock."""

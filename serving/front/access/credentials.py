"""The caller of a request, and its key or token: from one header, once, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

if TYPE_CHECKING:  # `make key` runs without it
    from starlette.types import Scope

VERBS: Final = ("predict", "explain", "outcome")
MAX_KEY_CHARACTERS: Final = 4_096
"""Maximum characters of a key or token. Ours have 54; tokens with many claims one or two
thousand."""
IN_A_QUERY: Final = frozenset(
    ("access_token", "api_key", "apikey", "api-key", "authorization", "key", "token", "x-api-key")
)
"""Parameters by which clients of other services send a key in the address, where it ends up in
histories and in the logs of proxies."""


@dataclass(frozen=True)
class Caller:
    """The caller that a key or a token identifies."""

    name: str
    """Name in logs and metrics: printable and short."""

    verbs: frozenset[str] = frozenset(VERBS)
    """Verbs that the caller may use."""


ANONYMOUS: Final = Caller("anonymous")
"""The caller of every request if access control is off."""


def credential_of(scope: Scope) -> str | None:
    """Return the one key or token of a request; None if there is no usable one.

    Rejected in any case: two of them, even equal ones; one in the query; one that is longer than
    any real one.

    Args:
        scope: ASGI's, of type ``http``.
    """
    credentials: list[str] = []
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            credentials.append(value.decode("latin-1").strip())
        elif name == b"authorization":
            scheme, _, rest = value.decode("latin-1").strip().partition(" ")
            # Another scheme: not a key, but an ambiguous statement of who the caller
            # is.
            credentials.append(rest.strip() if scheme.lower() == "bearer" else "")
    if len(credentials) != 1 or _in_query(scope.get("query_string", b"")):
        return None
    key = credentials[0]
    usable = 0 < len(key) <= MAX_KEY_CHARACTERS and key.isascii() and key.isprintable()
    return key if usable and " " not in key else None


def _in_query(query: bytes) -> bool:
    if not query:
        return False
    parameters = query.decode("latin-1").replace(";", "&").split("&")
    return any(unquote_plus(one.partition("=")[0]).lower() in IN_A_QUERY for one in parameters)

"""Tokens (JWT) of an issuer, verified by PyJWT with the issuer's public keys."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Final

import jwt

from serving.front.access.credentials import VERBS, Caller
from serving.front.access.jwks import KeySource
from serving.front.access.settings import AccessSettings

MAX_NAME: Final = 64
"""Maximum characters of a caller's name."""
MAX_KID: Final = 256
_ODD: Final = re.compile(r"[^A-Za-z0-9._@-]")
PREFIX: Final = "token:"
"""Prefix of names from tokens: an issuer cannot use the name of an API key."""


class TokenVerifier:
    """Verifies tokens.

    Args:
        settings: what a token must say.
        keys: of the issuer.
    """

    def __init__(self, settings: AccessSettings, keys: KeySource) -> None:
        self._settings = settings
        self._keys = keys

    async def caller_of(self, token: str) -> Caller | None:
        """Return the caller of a token; None if it is not valid.

        Args:
            token: as a client sent it.

        Raises:
            IssuerUnreachableError: it cannot be checked.
        """
        header = _header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self._settings.token_algorithms:
            return None
        if kid is not None and not (isinstance(kid, str) and len(kid) <= MAX_KID):
            return None
        key = await self._keys.find(kid, algorithm)
        return None if key is None else self._checked(token, key, algorithm)

    async def close(self) -> None:
        """Close open connections."""
        await self._keys.close()

    def _checked(self, token: str, key: jwt.PyJWK, algorithm: str) -> Caller | None:
        settings = self._settings
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=settings.token_audience,
                issuer=settings.token_issuer,
                leeway=settings.token_leeway_seconds,
                options={
                    "require": ["exp", "iss", "aud", settings.token_name_claim],
                    "enforce_minimum_key_length": True,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            return None
        name = claims[settings.token_name_claim]
        if not isinstance(name, str) or not name:
            return None
        return Caller(PREFIX + _ODD.sub("_", name)[:MAX_NAME], _verbs(claims))


def _header(token: str) -> dict[str, Any]:
    """Read the token header, which selects the key; PyJWT verifies it again later.

    Not PyJWT's ``get_unverified_header``: it parses the whole token, which would double the cost.
    """
    encoded = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError):
        return {}
    return header if isinstance(header, dict) else {}


def _verbs(claims: dict[str, Any]) -> frozenset[str]:
    """Return the scopes, as OAuth 2 writes them (``scope``, one text) or as a list (``scp``)."""
    scopes: set[str] = set()
    for claim in ("scope", "scp"):
        value = claims.get(claim, ())
        if isinstance(value, str):
            scopes.update(value.split())
        elif isinstance(value, list):
            scopes.update(scope for scope in value if isinstance(scope, str))
    return frozenset(scopes & set(VERBS))

"""Public keys of a token issuer (JWKS), from a file or from its address."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import aiohttp
import jwt

from serving.front.sockets import is_loopback
from serving.front.watched_file import MAX_BYTES, Report, WatchedFile

WHAT: Final = "LESIONLENS_TOKEN_JWKS"
RETRY_SECONDS: Final = 5.0
"""Seconds between two requests to the issuer: a flood of unknown keys is not passed on to it."""
FETCH_SECONDS: Final = 5.0
"""Timeout of a request to the issuer, in seconds."""


class IssuerUnreachableError(Exception):
    """No usable key of the issuer is known, because it cannot be reached."""


class KeySet:
    """The keys of one JWKS.

    Args:
        document: as JSON says it.

    Raises:
        ValueError: it is not a JWKS, or has no key that signs.
    """

    def __init__(self, document: Any) -> None:
        keys = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(keys, list):
            raise ValueError('it is not a JWKS: there is no list "keys"')
        self._keys = [key for key in keys if isinstance(key, dict) and _signs(key)]
        if not self._keys:
            raise ValueError("it has no public key that signs (RSA, EC or OKP)")
        self._made: dict[tuple[int, str], jwt.PyJWK | None] = {}

    def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """Find the key of that name for that algorithm; without a name, the only key.

        Args:
            kid: of the token's header.
            algorithm: of the token's header, already known to be allowed.
        """
        for number, key in enumerate(self._keys):
            if key.get("kid") == kid or (kid is None and len(self._keys) == 1):
                if key.get("alg", algorithm) != algorithm:
                    continue
                if (number, algorithm) not in self._made:
                    self._made[number, algorithm] = _made(key, algorithm)
                return self._made[number, algorithm]
        return None


class KeySource(Protocol):
    """A source of public keys."""

    async def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """See :meth:`KeySet.find`; raises IssuerUnreachableError."""
        ...

    async def close(self) -> None:
        """Close open connections."""
        ...


def parse(content: bytes) -> KeySet:
    """Read a JWKS.

    Args:
        content: JSON.

    Raises:
        ValueError: it is none.
    """
    try:
        return KeySet(json.loads(content))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


class FileKeys:
    """Keys in a file that is read again when it changes.

    Args:
        path: of the file.
        report: called with a line where it breaks.
        clock: seconds, for tests.

    Raises:
        ValueError: it cannot be read.
    """

    def __init__(
        self, path: Path, report: Report, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._file = WatchedFile(path, parse, WHAT, report, clock)

    async def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """See :meth:`KeySet.find`."""
        return self._file.content().find(kid, algorithm)

    async def close(self) -> None:
        """Do nothing: no connection is open."""


class AddressKeys:
    """Keys at the issuer's address, fetched at first use, when old, and for an unknown key.

    Args:
        url: of the JWKS; https, or http on this machine.
        refresh_seconds: after which they are asked for again, while the known ones serve.
        stale_seconds: after which keys that could not be asked for again serve no more.
        report: called with a line where the issuer does not answer, and when it does again.
        clock: seconds, for tests.

    Raises:
        ValueError: the address will not do.
    """

    def __init__(
        self,
        url: str,
        refresh_seconds: float,
        stale_seconds: float,
        report: Report,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(url)
        local = parts.scheme == "http" and is_loopback(parts.hostname or "")
        if not parts.hostname or not (parts.scheme == "https" or local):
            raise ValueError(
                f"{WHAT} must be an address with https: anyone who can change the keys in "
                "transit can forge tokens"
            )
        self._url, self._report, self._clock = url, report, clock
        self._refresh_seconds = min(refresh_seconds, stale_seconds)
        self._stale_seconds = stale_seconds
        self._keys: KeySet | None = None
        self._fetched = self._tried = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self._problem = ""

    async def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """See :meth:`KeySet.find`.

        Raises:
            IssuerUnreachableError: no key is known that may still be used.
        """
        if self._age() >= self._stale_seconds:
            await self._refresh()
        elif self._age() >= self._refresh_seconds:
            self._start()
        if self._keys is None or self._age() >= self._stale_seconds:
            raise IssuerUnreachableError
        key = self._keys.find(kid, algorithm)
        if key is None:
            await self._refresh()
            key = self._keys.find(kid, algorithm)
        return key

    async def close(self) -> None:
        """Cancel a fetch that is running."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait((self._fetching,))

    def _age(self) -> float:
        return self._clock() - self._fetched

    async def _refresh(self) -> None:
        """Fetch the keys, or wait for a fetch that is running."""
        self._start()
        if self._fetching is not None:
            # A client that disconnects must not cancel the fetch for other requests.
            await asyncio.shield(self._fetching)

    def _start(self) -> None:
        now = self._clock()
        if self._fetching is not None and not self._fetching.done():
            return
        self._fetching = None
        if now - self._tried >= RETRY_SECONDS:
            self._tried = now
            self._fetching = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        try:
            keys = parse(await self._downloaded())
        except (aiohttp.ClientError, OSError, ValueError) as error:
            problem = str(error) if isinstance(error, ValueError) else type(error).__name__
            if problem != self._problem:
                self._problem = problem
                self._report(
                    f"{WHAT}: the issuer's keys cannot be fetched ({problem}): known ones "
                    f"stay valid for {self._stale_seconds:g} s"
                )
            return
        self._keys, self._fetched = keys, self._clock()
        if self._problem:
            self._problem = ""
            self._report(f"{WHAT}: the issuer's keys can be fetched again")

    async def _downloaded(self) -> bytes:
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(self._url, allow_redirects=False) as reply,
        ):
            if reply.status != 200:
                raise ValueError(f"status {reply.status}")
            content = await reply.content.read(MAX_BYTES + 1)
            while len(content) <= MAX_BYTES and (more := await reply.content.read(MAX_BYTES)):
                content += more
        if len(content) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES} bytes")
        return content


def _signs(key: dict[str, Any]) -> bool:
    # A secret shared with the issuer ("oct") could be used to forge tokens.
    return key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"


def _made(key: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    try:
        return jwt.PyJWK(key, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None  # a key of another type than the algorithm needs

"""Access control: authenticate a request before its body is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Final

from starlette.types import Scope

from serving.front.access import keys, rates
from serving.front.access.attempts import FailedAttempts
from serving.front.access.credentials import ANONYMOUS, Caller, credential_of
from serving.front.access.jwks import AddressKeys, FileKeys, IssuerUnreachableError
from serving.front.access.rates import Rate, RateLimiter, RateTable
from serving.front.access.settings import AccessSettings
from serving.front.access.tokens import TokenVerifier
from serving.front.messages import RejectedError
from serving.front.watched_file import Report, WatchedFile

CHALLENGE: Final = 'Bearer realm="lesionlens"'
NEEDED: Final = (
    "a valid key or token is needed: send it once, as `Authorization: Bearer ...` or "
    "`X-API-Key: ...`, never in the address"
)
"""The same whatever was wrong."""
ISSUER_RETRY_SECONDS: Final = 5


class AccessControl:
    """Access control of one front; close it after use.

    Args:
        settings: which locks there are.
        report: called with what an operator should know, a line each.
        clock: seconds, for tests.
        today: of UTC, for tests.

    Raises:
        ValueError: a file that a setting names will not do.
    """

    def __init__(
        self,
        settings: AccessSettings,
        report: Report = lambda line: None,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self.locked = settings.locked
        """Whether a request needs a key or token."""
        self._today = today
        self._keys = (
            WatchedFile(
                Path(settings.api_keys),
                lambda content: keys.KeyRing(keys.parse(content)),
                "LESIONLENS_API_KEYS",
                report,
                clock,
            )
            if settings.api_keys
            else None
        )
        self._tokens = _verifier(settings, report, clock)
        self._rates = _limiter(settings, report, clock)
        self._failures = FailedAttempts(settings.failed_attempts, clock)

    async def admit(self, scope: Scope, verb: str) -> Caller:
        """Authenticate a request and count it against the caller's rate.

        Args:
            scope: ASGI's, of type ``http``.
            verb: that the path asks for.

        Raises:
            RejectedError: 401, 403, 429, or 503 where a token cannot be checked.
        """
        caller = await self._identified(scope) if self.locked else ANONYMOUS
        if verb not in caller.verbs:
            raise RejectedError(
                403,
                f"this key or token is not for :{verb}",
                headers={"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope"'},
                unread=True,
                caller=caller.name,
            )
        photographs = verb != "outcome"
        if self._rates is not None and (exceeded := self._rates.take(caller.name, photographs)):
            raise RejectedError(
                429, exceeded.message, exceeded.retry_after, unread=True, caller=caller.name
            )
        return caller

    def answered(self, caller: Caller, photographs: int) -> None:
        """Count the photographs of an answered request, whose number is now known.

        Args:
            caller: from :meth:`admit`, which has counted one photograph.
            photographs: all of the request's.
        """
        if self._rates is not None:
            self._rates.add_photographs(caller.name, photographs - 1)

    async def close(self) -> None:
        """Close open connections."""
        if self._tokens is not None:
            await self._tokens.close()

    async def _identified(self, scope: Scope) -> Caller:
        credential = credential_of(scope)
        caller = None if credential is None else await self._caller_of(credential)
        if caller is not None:
            return caller
        wait = self._failures.failed((scope.get("client") or ("-",))[0])
        challenge = {"WWW-Authenticate": CHALLENGE}
        if wait:
            message = f"too many attempts without a valid key or token: try again in {wait} s"
            raise RejectedError(429, message, wait, challenge, unread=True, logged=False)
        raise RejectedError(401, NEEDED, headers=challenge, unread=True)

    async def _caller_of(self, credential: str) -> Caller | None:
        if credential.count(".") == 2 and self._tokens is not None:  # an API key has no dots
            try:
                return await self._tokens.caller_of(credential)
            except IssuerUnreachableError:
                raise RejectedError(
                    503,
                    "tokens cannot be checked at the moment because their issuer does not answer: "
                    f"send this request again in {ISSUER_RETRY_SECONDS} s",
                    ISSUER_RETRY_SECONDS,
                    unread=True,
                ) from None
        if self._keys is None:
            return None
        return self._keys.content().caller_of(credential, self._today())


def _verifier(
    settings: AccessSettings, report: Report, clock: Callable[[], float]
) -> TokenVerifier | None:
    if not settings.token_jwks:
        return None
    if "://" not in settings.token_jwks:
        return TokenVerifier(settings, FileKeys(Path(settings.token_jwks), report, clock))
    source = AddressKeys(
        settings.token_jwks,
        settings.token_refresh_seconds,
        settings.token_stale_seconds,
        report,
        clock,
    )
    return TokenVerifier(settings, source)


def _limiter(
    settings: AccessSettings, report: Report, clock: Callable[[], float]
) -> RateLimiter | None:
    common = Rate(settings.rate_requests, settings.rate_photographs, settings.rate_burst_seconds)
    if settings.rates:
        parse = partial(rates.parse, default=common)
        file = WatchedFile(Path(settings.rates), parse, "LESIONLENS_RATES", report, clock)
        return RateLimiter(file.content, clock)
    if common.requests or common.photographs:
        table = RateTable(common)
        return RateLimiter(lambda: table, clock)
    return None

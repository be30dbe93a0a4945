"""What a form brings: a file, never more of it than the limit, or a sample's name; and choices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope

from web import samples
from web.errors import PageError
from web.methods import DEFAULT, SECONDS

FIELD: Final = "photograph"
"""Name of the form's file input."""

ENVELOPE: Final = 65_536
"""Bytes of a form besides its file: boundaries, and a name as long as a browser sends."""

DRAINED: Final = 300_000_000
"""Bytes of a refused upload that are read and thrown away."""


@dataclass(frozen=True)
class Asked:
    """A photograph and what is asked about it."""

    photograph: BinaryIO
    """At its start; gone with the request."""

    method: str
    """Of explanation."""

    version: str
    """Of the model whose answer the person reads already, or empty."""


class Body:
    """ASGI's ``receive`` of one request, which refuses to give more than a limit.

    Args:
        receive: the server's.
        limit: bytes of the file, at most; the form around it comes on top.
    """

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._seen = 0
        self._finished = False

    async def __call__(self) -> Message:
        """The next message; raises PageError when too much has come."""
        message = await self._next()
        self.check(self._seen - ENVELOPE)
        return message

    def check(self, size: int) -> None:
        """Raise PageError for a file of so many bytes, where that is too large."""
        if size > self._limit:
            raise PageError("too_large", limit=f"{self._limit / 1e6:g}")

    async def drain(self, seconds: float) -> None:
        """Throw away what is still coming, for so long at most.

        A browser that is answered before it has sent everything shows "connection reset" in
        place of the answer.
        """
        try:
            async with asyncio.timeout(seconds):
                while not self._finished and self._seen < DRAINED:
                    await self._next()
        except TimeoutError:
            return

    async def _next(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        self._finished = not message.get("more_body", False)
        return message


@asynccontextmanager
async def uploaded(scope: Scope, body: Body) -> AsyncIterator[Asked]:
    """The form's one file, or the sample that it names; gone when the context ends.

    A file is in memory up to 1 MB and else in a file without a name in the temporary folder. What
    its sender called it is not looked at.

    Args:
        scope: of the request.
        body: of the request, not yet read.

    Raises:
        PageError: no file, too large, or no form of this page.
    """
    try:
        async with Request(scope, body).form(max_files=1, max_fields=8) as form:
            method = _text(form, "method") or DEFAULT
            if method not in SECONDS:
                raise PageError("unreadable_form")
            version, sample = _text(form, "version"), _text(form, "sample")
            if sample:
                with samples.opened(sample) as drawn:
                    yield Asked(drawn, method, version)
                return
            file = form.get(FIELD)
            if not isinstance(file, UploadFile) or not file.size:
                raise PageError("no_file")
            body.check(file.size)
            yield Asked(file.file, method, version)
    except (HTTPException, ClientDisconnect) as error:
        raise PageError("unreadable_form") from error


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""

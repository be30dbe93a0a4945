"""Parse a form within limits of bytes and time: a file or a sample's name, and options."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser
from starlette.requests import Request
from starlette.types import Message

from handlers.structure import WHOLE, Box
from serving.front.bodies import BodyLimits, BoundedReceive, content_length
from serving.front.buffers import ByteBudget, Reservation
from serving.front.messages import BodyError, BodyTooLarge, BodyTooSlow, BuffersFull
from web import options
from web.errors import PageError
from web.options import DEFAULT, SECONDS
from web.settings import PageSettings

FIELD: Final = "photograph"
"""Name of the form's file input."""

ENVELOPE: Final = 65_536
"""Bytes of a form besides its file: boundaries, and a long file name."""

DRAINED: Final = 300_000_000
"""Bytes of a refused upload that are read and discarded."""

FIELD_BYTES: Final = 4096
"""Bytes of a field that is not a file; such fields are kept in memory."""

FULL_SECONDS: Final = 60
"""Seconds after which a full disk may have space again."""

# Bytes of an arriving file in memory; beyond them it is written to the temporary folder.
MultiPartParser.spool_max_size = 65_536


@dataclass(frozen=True)
class Asked:
    """A photograph and the requested options."""

    photograph: BinaryIO
    """The file, positioned at its start; deleted with the request."""

    method: str
    """Explanation method."""

    version: str
    """Model version of the answer that the visitor has already read, or empty."""

    box: Box = WHOLE
    """The part of the photograph that the model is to see."""

    impression: str = ""
    """What the visitor thinks of it, one of ``options.IMPRESSIONS``, or empty."""


class Upload:
    """The body of one request, read within limits.

    Args:
        request: not yet read.
        settings: limits of the page.
        budget: of the bytes of all uploads.
    """

    def __init__(self, request: Request, settings: PageSettings, budget: ByteBudget) -> None:
        self._request = request
        self._max_bytes = settings.page_max_bytes
        self._budget = budget
        self._limits = BodyLimits(
            max_bytes=self._max_bytes + ENVELOPE if _has_file(request) else ENVELOPE,
            seconds=settings.page_upload_seconds,
            min_bytes_per_second=settings.page_min_bytes_per_second,
        )
        self._body = BoundedReceive(request.receive, self._limits, content_length(request.scope))

    @asynccontextmanager
    async def form(self) -> AsyncIterator[Asked]:
        """Return the form's one file, or the sample that it names, until the context ends.

        A file is kept in memory up to 64 KiB and otherwise in an unnamed file in the temporary
        folder. The sender's name of the file is ignored.

        Raises:
            PageError: no file, too large, too slow, no room for it, or not a form of this page.
            ClientGone: its sender has left.
        """
        with self._budget.reservation() as reservation:
            try:
                form = await self._parse(reservation)
            except BodyError as error:
                raise self._failure(error) from error
            except HTTPException as error:
                raise PageError("unreadable_form") from error
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise PageError("disk_full", retry_after=FULL_SECONDS) from error
            try:
                method = _text(form, "method") or DEFAULT
                if method not in SECONDS:
                    raise PageError("unreadable_form")
                version, sample = _text(form, "version"), _text(form, "sample")
                if sample:
                    with options.open_sample(sample) as drawn:
                        yield Asked(drawn, method, version)
                    return
                file = form.get(FIELD)
                if not isinstance(file, UploadFile) or not file.size:
                    raise PageError("no_file")
                if file.size > self._max_bytes:
                    raise self._too_large()
                yield Asked(file.file, method, version, _box(form), _impression(form))
            finally:
                await form.close()

    async def drain(self) -> None:
        """Discard the rest of the body, at the rate and in the time of any upload.

        A browser that is answered before it has sent everything shows "connection reset" instead of
        the answer. A client that waits for "100 Continue" has not started to send.
        """
        expected = self._request.headers.get("expect", "").lower() == "100-continue"
        if self._body.complete or (expected and not self._body.received_bytes):
            return
        rest = BoundedReceive(self._request.receive, replace(self._limits, max_bytes=DRAINED))
        try:
            while not rest.complete:
                await rest()
        except BodyError:
            return

    async def _parse(self, reservation: Reservation) -> FormData:
        async def receive() -> Message:
            message = await self._body()
            reservation.add(len(message.get("body", b"")))
            return message

        form = Request(self._request.scope, receive).form(
            max_files=1, max_fields=8, max_part_size=FIELD_BYTES
        )
        return await form

    def _failure(self, error: BodyError) -> PageError | BodyError:
        match error:
            case BodyTooLarge():
                return self._too_large()
            case BodyTooSlow():
                return PageError("slow_upload")
            case BuffersFull():
                return PageError("busy", retry_after=error.retry_after)
        return error

    def _too_large(self) -> PageError:
        return PageError("too_large", limit=f"{self._max_bytes / 1e6:g}")


def _has_file(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


def _box(form: FormData) -> Box:
    text = _text(form, "box")
    try:
        return Box.parse(text) if text else WHOLE
    except ValueError as error:
        raise PageError("unreadable_form") from error


def _impression(form: FormData) -> str:
    """Return what a visitor thinks; they have chosen to note it before they see an answer."""
    impression = _text(form, "impression")
    if impression not in ("", *options.IMPRESSIONS):
        raise PageError("unreadable_form")
    if _text(form, "look_first") and not impression:
        raise PageError("no_impression")
    return impression


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""

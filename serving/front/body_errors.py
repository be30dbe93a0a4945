"""Why a body is not read to its end; all are a :class:`BodyError`, named as what happened."""

from __future__ import annotations


class BodyError(Exception):
    """A body that is not read to its end; the message says why and what to do.

    Args:
        message: quotes nothing of the request.
        retry_after: seconds after which the same request may succeed.
    """

    status = 400
    """Of HTTP."""

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class BodyTooLarge(BodyError):
    """More bytes than the limit."""

    status = 413


class BodyTooSlow(BodyError):
    """Not there in time, or slower than the minimum rate."""

    status = 408


class ClientGone(BodyError):
    """The client closed the connection: nobody reads an answer."""

    status = 499


class BuffersFull(BodyError):
    """All bytes that may be buffered at a time are taken by other requests."""

    status = 503

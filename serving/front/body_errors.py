"""Reasons why a body is not read to its end; all are a :class:`BodyError`."""

from __future__ import annotations


class BodyError(Exception):
    """A body that is not read to its end; the message says why and what to do.

    Args:
        message: quotes nothing of the request.
        retry_after: seconds after which the same request may succeed.
    """

    status = 400
    """HTTP status."""

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class BodyTooLarge(BodyError):
    """The body has more bytes than the limit."""

    status = 413


class BodyTooSlow(BodyError):
    """The body was not complete in time, or came below the minimum rate."""

    status = 408


class ClientGone(BodyError):
    """The client closed the connection; no answer can be sent."""

    status = 499


class BuffersFull(BodyError):
    """All bytes that may be buffered at a time are in use by other requests."""

    status = 503

"""Messages of the front: a checked request, its response, and a rejection."""

from __future__ import annotations

import json
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FrontRequest:
    """One request, checked and read completely."""

    verb: str
    """``predict`` or ``explain``, from the path only."""

    path: str
    """One of the paths in :data:`serving.front.routes.ROUTES`."""

    body: bytes
    """Body, which may be empty: the handler reports what is wrong with it."""

    is_json: bool
    """Whether the client declared JSON; else the body is an image file, or not declared."""

    options: dict[str, str] = field(default_factory=dict)
    """``method`` and ``target`` from outside the body."""

    json_bytes: str = ""
    """V2's header ``Inference-Header-Content-Length``: bytes of the JSON before binary tensors."""

    may_explain: bool = True
    """Whether its client may have explanations here; V2 asks for them within the body."""


@dataclass(frozen=True)
class FrontResponse:
    """One response."""

    status: int
    body: bytes
    retry_after: int | None = None
    """Seconds after which the same request may be answered."""

    headers: dict[str, str] = field(default_factory=dict)
    """Further headers; ``Content-Type`` where it is not JSON."""

    photographs: int | None = None
    """That it is about; None where the body itself shows it, as V1's does."""


class RejectedError(Exception):
    """A request is rejected and not forwarded.

    Args:
        status: of HTTP.
        message: what is wrong and how to fix it; never quotes what the client sent.
        retry_after: seconds after which the same request may be answered, where it may.
        headers: further headers of the response.
        unread: whether the body was not read yet.
        caller: name of who sent it, where it is known.
        logged: whether it is worth a line in the log; it is counted in any case.
    """

    def __init__(
        self,
        status: int,
        message: str,
        retry_after: int | None = None,
        headers: dict[str, str] | None = None,
        unread: bool = False,
        caller: str = "",
        logged: bool = True,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after
        self.headers = headers or {}
        self.unread = unread
        self.caller = caller
        self.logged = logged


def error_body(message: str) -> bytes:
    """Return the JSON body of an error."""
    return json.dumps({"error": message}).encode()

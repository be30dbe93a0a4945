"""Messages of the front: a checked request, its response, rejections; and who answers them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Final, Protocol

PROBE_PHOTOGRAPH: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAAWUlEQVR42u3PBw0AIAwAMNjxr3gJOkZaB70RcTarzNwd"
    "6O7dgaoSEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEPg9cGdmdeABqJkG4FoszEUAAAAASUVO"
    "RK5CYII="
)
"""A grey PNG of 64 x 64 pixels, sent to check that predictions are answered."""


@dataclass(frozen=True)
class FrontRequest:
    """One request, checked and read completely."""

    verb: str
    """``predict``, ``explain`` or ``outcome``, from the path only."""

    path: str
    """One of the paths in :data:`serving.front.routes.ROUTES`."""

    body: bytes
    """Body, which may be empty: the handler reports what is wrong with it."""

    is_json: bool
    """Whether the client declared JSON; else the body is an image file, or not declared."""

    options: dict[str, str] = field(default_factory=dict)
    """``method``, ``target``, ``box`` and ``receipt`` from outside the body."""

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


class Upstream(Protocol):
    """Upstream of the front: answers checked requests.

    One instance per process; called from one event loop.
    """

    async def answer(self, request: FrontRequest) -> FrontResponse:
        """Answer a request; never raises for client input, and may be cancelled."""
        ...

    @property
    def ready(self) -> bool:
        """Whether predictions are answered at this moment."""
        ...

    @property
    def why_not_ready(self) -> str:
        """Return why the upstream is not ready; empty if it is."""
        ...


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


class BodyError(RejectedError):
    """A body is not read to its end; the connection closes after the response.

    Args:
        message: what is wrong and what to do; quotes nothing of the request.
        retry_after: seconds after which the same request may succeed.
    """

    code = 400

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(self.code, message, retry_after, {"Connection": "close"})


class BodyTooLarge(BodyError):
    """The body has more bytes than the limit."""

    code = 413


class BodyTooSlow(BodyError):
    """The body was not complete in time, or came below the minimum rate."""

    code = 408


class ClientGone(BodyError):
    """The client closed the connection; no answer can be sent."""

    code = 499


class BuffersFull(BodyError):
    """All bytes that may be buffered at a time are in use by other requests."""

    code = 503


def error_body(message: str) -> bytes:
    """Return the JSON body of an error."""
    return json.dumps({"error": message}).encode()

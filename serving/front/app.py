"""ASGI application of the front: check a request, read it, forward it, answer it."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from serving.front import media
from serving.front.access.control import AccessControl
from serving.front.access.settings import AccessSettings
from serving.front.access_log import log_request
from serving.front.bodies import BodyLimits, content_length, read_body, run_until_disconnect
from serving.front.buffers import ByteBudget
from serving.front.messages import (
    ClientGone,
    FrontRequest,
    FrontResponse,
    RejectedError,
    Upstream,
    error_body,
)
from serving.front.outcomes.counting import MAX_BYTES, SWITCHED_OFF, Outcomes
from serving.front.routes import MODEL, ROUTES, Route, route_of
from serving.front.settings import FrontSettings
from serving.front.telemetry import FrontMetrics

RETRY_SECONDS: Final = 1
"""Seconds after which a full front may have capacity again."""
CLIENT_CLOSED_REQUEST: Final = 499
"""Status in logs and metrics if the client has left; nginx uses the same number."""


NOBODY: Final = "-"
"""Caller in logs and metrics without a valid key or token, or with access control off."""
RESULT: Final = b'"probability":'
"""Text that occurs once per photograph in an answer, used to count photographs; answers never quote
client input."""


@dataclass
class _Request:
    """Values of a request for the log and the metrics."""

    id: str
    start: float
    route: str = "-"
    caller: str = NOBODY
    logged: bool = True


class Front:
    """ASGI application of the front; one instance per server.

    Args:
        settings: the limits.
        upstream: to which requests are forwarded.
        metrics: that requests are counted in.
        access: access control; by default off.
        routes: routes by path.
        outcomes: counts outcomes; by default they are switched off.
    """

    def __init__(
        self,
        settings: FrontSettings,
        upstream: Upstream,
        metrics: FrontMetrics,
        access: AccessControl | None = None,
        routes: Mapping[bytes, Route] = ROUTES,
        outcomes: Outcomes | None = None,
    ) -> None:
        self._settings, self._routes = settings, routes
        self._upstream, self._outcomes = upstream, outcomes
        self._metrics = metrics
        self._access = access or AccessControl(AccessSettings())
        self._buffers = ByteBudget(settings.buffer_bytes)
        self._limits = BodyLimits(
            max_bytes=settings.max_body_bytes,
            seconds=settings.body_seconds,
            min_bytes_per_second=settings.body_bytes_per_second,
        )
        self.in_flight = 0
        """Requests whose body was read and whose response is not sent yet."""
        self.draining = False
        """Whether the server is draining: every response then closes its connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            RuntimeError: it is not HTTP.
        """
        if scope["type"] != "http":
            raise RuntimeError(f"the front answers HTTP only, not {scope['type']}")
        start = time.perf_counter()
        request = _Request(secrets.token_hex(8), start)
        headers: dict[str, str] = {}
        try:
            route = route_of(dict(scope), self._settings.verbs, self._routes)
            request.route = route.name
            response = await self._respond(route, request, scope, receive)
        except ClientGone:
            self._count(request, CLIENT_CLOSED_REQUEST)
            return
        except RejectedError as rejected:
            response = FrontResponse(
                rejected.status, error_body(rejected.message), rejected.retry_after
            )
            headers = dict(rejected.headers)
            request.caller = rejected.caller or request.caller
            request.logged = rejected.logged
            if rejected.unread and _has_body(scope):
                headers["Connection"] = "close"
        await self._send(scope, send, response, request.id, headers)
        self._count(request, response.status)

    async def _respond(
        self, route: Route, known: _Request, scope: Scope, receive: Receive
    ) -> FrontResponse:
        path = scope["raw_path"].partition(b"?")[0].decode("ascii")
        if route.forwarded:
            return await self._upstream.answer(FrontRequest("", path, b"", is_json=False))
        if not route.verb:
            return self._about(route.name)
        caller = await self._access.admit(scope, route.verb)
        if self._access.locked:
            known.caller = caller.name
        headers: dict[str, list[str]] = {}
        for key, value in scope["headers"]:
            headers.setdefault(key.decode("latin-1"), []).append(value.decode("latin-1"))
        kind = media.kind_of(headers)
        options = media.options_of(headers)
        upstream, limits = self._upstream.answer, self._limits
        if route.verb == "outcome":
            upstream = self._counting(kind).answer
            limits = replace(limits, max_bytes=MAX_BYTES)
        if self.in_flight >= self._settings.max_in_flight:
            raise self._overloaded()
        with self._buffers.reservation() as reservation:
            body = await read_body(receive, limits, reservation, content_length(scope))
            if kind == "form":
                body, given = media.photograph_of(headers["content-type"][0], body)
                options = given | options
            request = FrontRequest(
                route.verb,
                path,
                body,
                kind == "json",
                options,
                json_bytes=headers.get("inference-header-content-length", [""])[0],
                may_explain="explain" in self._settings.verbs and "explain" in caller.verbs,
            )
            with self._place():
                response = await run_until_disconnect(receive, upstream(request))
        counted = response.photographs
        self._access.answered(caller, response.body.count(RESULT) if counted is None else counted)
        return response

    def _counting(self, kind: str) -> Outcomes:
        """Return what counts outcomes; raises RejectedError where nothing does."""
        if self._outcomes is None:
            raise RejectedError(404, SWITCHED_OFF, unread=True)
        if kind not in ("", "json"):
            raise RejectedError(415, f"an outcome is JSON: send {media.JSON}", unread=True)
        return self._outcomes

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Hold one of the slots for concurrent requests."""
        if self.in_flight >= self._settings.max_in_flight:
            raise self._overloaded()
        self.in_flight += 1
        self._metrics.in_flight.set(self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1
            self._metrics.in_flight.set(self.in_flight)

    def _overloaded(self) -> RejectedError:
        return RejectedError(
            503,
            f"too many requests at once: send this one again in {RETRY_SECONDS} s",
            RETRY_SECONDS,
            unread=True,
        )

    def _about(self, name: str) -> FrontResponse:
        """Answer the routes about the server itself (KServe V1, and TorchServe's ping)."""
        ready = self._upstream.ready and not self.draining
        document: dict[str, Any]
        status = 200 if ready else 503
        if name == "alive":
            status, document = 200, {"status": "alive"}
        elif name == "v2_live":
            status, document = 200, {"live": True}
        elif name == "v2_ready":
            document = {"ready": ready}
        elif name == "models":
            status, document = 200, {"models": [MODEL]}
        elif name == "model":
            document = {"name": MODEL, "ready": ready}
        else:
            document = {"status": "Healthy" if ready else "Unhealthy"}
            if not ready:
                document["reason"] = (
                    "the server is ending" if self.draining else (self._upstream.why_not_ready)
                )
        return FrontResponse(status, json.dumps(document).encode())

    async def _send(
        self,
        scope: Scope,
        send: Send,
        response: FrontResponse,
        request_id: str,
        headers: dict[str, str],
    ) -> None:
        fields = {
            "Content-Type": "application/json",
            "Content-Length": str(len(response.body)),
            "X-Request-Id": request_id,
            "X-Content-Type-Options": "nosniff",
            **response.headers,
            **headers,
        }
        if response.retry_after is not None:
            fields["Retry-After"] = str(response.retry_after)
        if self.draining:
            fields["Connection"] = "close"
        raw = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": raw})
        body = b"" if scope["method"] == "HEAD" else response.body
        await send({"type": "http.response.body", "body": body})

    def _count(self, request: _Request, status: int) -> None:
        seconds = time.perf_counter() - request.start
        self._metrics.responses.labels(request.route, str(status)).inc()
        self._metrics.seconds.labels(request.route).observe(seconds)
        if request.caller != NOBODY:
            self._metrics.count_caller(request.caller, status)
        if request.logged:
            log_request(request.route, status, seconds, request.id, request.caller)

    async def wait_idle(self, seconds: float) -> bool:
        """Wait until no request is in flight; returns False after a timeout in seconds."""
        deadline = time.monotonic() + seconds
        while self.in_flight and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        return not self.in_flight


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )

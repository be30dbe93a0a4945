"""ASGI middleware: who may ask, by origin, proxy and host name, and security headers."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.errors import Kind, PageError
from web.settings import Network

Refuse = Callable[[Request, PageError], Response]

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content security policy: no foreign content, and no framing."""

OURS: Final = ("same-origin", "none")
"""Values of ``Sec-Fetch-Site`` for the page's own form, and for a typed address."""


def check_origin(headers: Headers) -> None:
    """Reject requests that another website makes a visitor's browser send.

    Browsers declare it by ``Sec-Fetch-Site``, and over plain HTTP only by ``Origin``; a program
    that sends neither does not act for a visitor.

    Raises:
        PageError: it comes from another site.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        if site not in OURS:
            raise PageError("other_site")
    elif origin is not None and _address(urlsplit(origin).netloc) != _address(
        headers.get("host", "")
    ):
        raise PageError("other_site")


def _address(netloc: str) -> str:
    """Remove the default port, which a gateway may add or remove."""
    return netloc.lower().removesuffix(":443").removesuffix(":80")


class _Guard:
    """ASGI middleware that rejects requests, except health probes.

    Args:
        app: what is asked.
        refuse: makes the response of a refusal.
        probes: the path that is served to every client.
    """

    kind: Kind
    """Failure of a rejected request."""

    def __init__(self, app: ASGIApp, refuse: Refuse, probes: str) -> None:
        self._app, self._refuse, self._probes = app, refuse, probes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] != "http" or scope["path"] == self._probes or self._accepts(scope):
            await self._app(scope, receive, send)
        else:
            response = self._refuse(Request(scope, receive), PageError(self.kind))
            await response(scope, receive, send)

    def _accepts(self, scope: Scope) -> bool:
        raise NotImplementedError


class SignedIn(_Guard):
    """ASGI middleware that accepts only signed-in users, named by a trusted proxy.

    Args:
        header: in which the proxy names the visitor.
        proxies: networks that it is in.
    """

    kind = "not_signed_in"

    def __init__(
        self, app: ASGIApp, refuse: Refuse, probes: str, header: str, proxies: tuple[Network, ...]
    ) -> None:
        super().__init__(app, refuse, probes)
        self._header, self._proxies = header, proxies

    def _accepts(self, scope: Scope) -> bool:
        # If the header occurs twice, one of them may be the visitor's.
        names = Headers(scope=scope).getlist(self._header)
        if len(names) != 1 or not names[0].strip():
            return False
        try:
            address = ipaddress.ip_address((scope.get("client") or ("",))[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in proxy for proxy in self._proxies)


class AllowedHosts(_Guard):
    """ASGI middleware that refuses requests for other host names, except health probes.

    Without it, a foreign host name that resolves to this page's address counts as the page's own in
    a browser (DNS rebinding).

    Args:
        hosts: names without ports; ``*`` is any, ``*.example.org`` any below that.
    """

    kind = "wrong_host"

    def __init__(self, app: ASGIApp, refuse: Refuse, probes: str, hosts: tuple[str, ...]) -> None:
        super().__init__(app, refuse, probes)
        self._names = {host.lower() for host in hosts if not host.startswith("*.")}
        self._suffixes = tuple(host.lower()[1:] for host in hosts if host.startswith("*."))

    def _accepts(self, scope: Scope) -> bool:
        if "*" in self._names:
            return True
        host = Headers(scope=scope).get("host", "").lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        return name in self._names or name.endswith(self._suffixes or ("\0",))


class StrictHeaders:
    """ASGI middleware that adds security headers; outside all others, so that errors have them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request and add the headers."""
        # Style and script are revalidated each time, so that a new page never gets an old
        # script.
        cache = "no-cache" if scope.get("path", "").startswith("/static/") else "no-store"

        async def send_with(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = POLICY
                # Not "no-referrer": the form would be sent with "Origin: null",
                # like a foreign one.
                headers["Referrer-Policy"] = "same-origin"
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers["Permissions-Policy"] = "camera=(self), microphone=(), geolocation=()"
                headers["Cache-Control"] = cache
            await send(message)

        await self._app(scope, receive, send_with if scope["type"] == "http" else send)

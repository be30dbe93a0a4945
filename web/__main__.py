"""``python -m web``: serve the upload page until SIGTERM or Ctrl-C."""

from __future__ import annotations

import os
import resource
import sys
import warnings
from contextlib import suppress
from typing import Final

import uvicorn

from serving.front.connections import ConnectionLimits, guarded_protocol
from serving.front.listener import TlsServer
from serving.front.sockets import PortError, exposed, host_port, listen_on_setting
from serving.front.tls import tls_files
from web.app import create_app
from web.settings import PageSettings

END_SECONDS: Final = 25
"""Seconds for open requests after a signal; Kubernetes kills the container after 30."""

OTHER_FILES: Final = 256
"""File descriptors besides those of visitors' connections."""


def main() -> int:
    """Run the server; returns 2 for an invalid setting."""
    try:
        settings = PageSettings()
        app = create_app(settings)
        tls = tls_files(settings, _say)
    except ValueError as error:  # pydantic's errors are one
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        names = ("LESIONLENS_PAGE_PORT", "LESIONLENS_PAGE_HOST")
        sockets = listen_on_setting(settings.page_host, settings.page_port, *names)
    except PortError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    allow_files(settings.page_connections)
    # Pillow warns of damage in a photograph's metadata, but nothing of a photograph may be
    # logged.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    signed_in = bool(settings.page_user_header)
    lock = "LESIONLENS_PAGE_USER_HEADER"
    # In a pod a gateway is in front of it, and network policies admit no other client.
    if "KUBERNETES_SERVICE_HOST" not in os.environ and (
        warning := exposed(settings.page_host, bool(tls), signed_in, lock)
    ):
        print(warning, file=sys.stderr, flush=True)
    _say(f"page  {url(settings.page_host, settings.page_port, bool(tls))}")
    config = uvicorn.Config(
        app,
        http=guarded_protocol(ConnectionLimits(max_connections=settings.page_connections)),
        # The same on every machine: uvicorn would use other packages if they happen to be
        # installed.
        loop="asyncio",
        ws="none",
        # No access log: who uses the page is private; failures are logged by kind.
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=END_SECONDS,
        ssl_context_factory=(lambda *_: tls.context) if tls else None,
    )
    server = TlsServer(config, tls)
    with suppress(KeyboardInterrupt):
        server.run(sockets=sockets)
    return 0 if server.started else 3


def url(host: str, port: int, tls: bool = False) -> str:
    """Return the address for a browser, with the brackets of IPv6."""
    return f"{'https' if tls else 'http'}://{host_port(host, port)}"


def allow_files(connections: int) -> None:
    """Raise this process's limit of open files for so many visitors, if permitted.

    Args:
        connections: each with a file for its upload.
    """
    needed = 2 * connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""uvicorn servers of one event loop: sockets of ours, no signal handlers, no logs of its own."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from serving.front.connections import ConnectionLimits, guarded_protocol

BACKLOG: Final = 2_048


class Listener(uvicorn.Server):
    """One ASGI application on one socket; signals are its caller's business.

    Args:
        app: to serve.
        listening: from :func:`listening_socket`.
        limits: of its connections.
        finish_seconds: for requests under way when it is ended.
    """

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        limits: ConnectionLimits,
        finish_seconds: float = 5.0,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                # The same everywhere: others are used where they happen to be installed.
                http=guarded_protocol(limits),
                loop="asyncio",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=max(1, round(finish_seconds)),
                backlog=BACKLOG,
            )
        )
        # It would quote paths; no handler that somebody adds to it may bring that back.
        logging.getLogger("uvicorn.access").disabled = True
        self._listening = listening

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller."""
        yield

    async def run_until_ended(self) -> None:
        """Serve until :meth:`end` is called and what was under way is answered."""
        await self.serve(sockets=[self._listening])

    def end(self) -> None:
        """Take no more connections, answer what is under way, return."""
        self.should_exit = True


def listening_socket(host: str, port: int) -> socket.socket:
    """A TCP socket that listens; an empty host means every address, IPv4 and IPv6.

    Raises:
        OSError: the address cannot be had.
    """
    if not host:
        dual = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if dual else socket.AF_INET
        return socket.create_server(("", port), family=family, backlog=BACKLOG, dualstack_ipv6=dual)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)

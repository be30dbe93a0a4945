"""uvicorn servers of one event loop: sockets of ours, no signal handlers, no logs of its own."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from serving.front.connections import ConnectionLimits, guarded_protocol
from serving.front.sockets import BACKLOG


class Listener(uvicorn.Server):
    """One ASGI application on its sockets; signals are its caller's business.

    Args:
        app: to serve.
        listening: from :func:`serving.front.sockets.listen`.
        limits: of its connections.
        finish_seconds: for requests under way when it is ended.
    """

    def __init__(
        self,
        app: ASGIApp,
        listening: list[socket.socket],
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
        await self.serve(sockets=self._listening)

    def end(self) -> None:
        """Take no more connections, answer what is under way, return."""
        self.should_exit = True

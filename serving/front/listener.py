"""uvicorn servers of one event loop: sockets of ours, no signal handlers, no logs of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from serving.front.connections import ConnectionLimits, guarded_protocol
from serving.front.sockets import BACKLOG
from serving.front.tls import TlsFiles

STARTUP_FAILURE: Final = 3
"""uvicorn's exit status where an application cannot start."""
TICKS: Final = 5
"""Of a tenth of a second, between two looks at a certificate."""


class TlsServer(uvicorn.Server):
    """A uvicorn server on sockets of ours, with a certificate that may change.

    Args:
        config: uvicorn's, with the certificate's context.
        tls: the certificate; None for plain HTTP.
        handshake_seconds: that a client may take for its TLS handshake.
    """

    def __init__(
        self, config: uvicorn.Config, tls: TlsFiles | None, handshake_seconds: float = 10.0
    ) -> None:
        super().__init__(config)
        self._tls = tls
        self.handshake_seconds = handshake_seconds if tls else None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn: listen. Its own lets a client take a minute for its TLS handshake.

        Args:
            sockets: to listen on.
        """
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise SystemExit(STARTUP_FAILURE)
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                self.protocol,
                sock=listening,
                backlog=BACKLOG,
                ssl=self.config.ssl,
                ssl_handshake_timeout=self.handshake_seconds,
            )
            for listening in sockets or []
        ]
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn ten times a second; whether it must end.

        Args:
            counter: of the calls.
        """
        if self._tls is not None and counter % TICKS == 0:
            self._tls.refresh()
        return await super().on_tick(counter)

    def protocol(self) -> asyncio.Protocol:
        """For one connection, as uvicorn makes it."""
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made


class Listener(TlsServer):
    """One ASGI application on its sockets; signals are its caller's business.

    Args:
        app: to serve.
        listening: from :func:`serving.front.sockets.listen`.
        limits: of its connections.
        finish_seconds: for requests under way when it is ended.
        tls: its certificate; None for plain HTTP.
    """

    def __init__(
        self,
        app: ASGIApp,
        listening: list[socket.socket],
        limits: ConnectionLimits,
        finish_seconds: float = 5.0,
        tls: TlsFiles | None = None,
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
                ssl_context_factory=(lambda *_: tls.context) if tls else None,
            ),
            tls,
            limits.header_seconds,
        )
        # It would quote paths; no handler that somebody adds to it may bring that back.
        logging.getLogger("uvicorn.access").disabled = True
        self.listening = listening

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller."""
        yield

    async def run_until_ended(self) -> None:
        """Serve until :meth:`end` is called and what was under way is answered."""
        await self.serve(sockets=self.listening)

    def end(self) -> None:
        """Take no more connections, answer what is under way, return."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn: close the listening sockets, answer the requests of every client.

        Args:
            sockets: that it listened on.
        """
        await self._stop_accepting(sockets or [])
        await super().shutdown(sockets)

    async def _stop_accepting(self, sockets: list[socket.socket]) -> None:
        """Accept what waits and close: connections in a closed socket's queue would be reset."""
        loop = asyncio.get_running_loop()
        for listening in sockets:
            loop.remove_reader(listening)
        await asyncio.sleep(0)  # asyncio has accepted some whose protocol is not made yet
        waiting: list[socket.socket] = []
        for listening in sockets:
            with contextlib.suppress(OSError):  # BlockingIOError: nobody waits any more
                while True:
                    waiting.append(listening.accept()[0])
        for server in self.servers:
            server.close()
        for accepted in waiting:
            accepted.setblocking(False)
            with contextlib.suppress(OSError):  # its client has gone already
                await loop.connect_accepted_socket(
                    self.protocol,
                    accepted,
                    ssl=self.config.ssl,
                    ssl_handshake_timeout=self.handshake_seconds,
                )

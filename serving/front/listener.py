"""uvicorn servers in one event loop: with given sockets, without signal handlers and logs."""

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
"""uvicorn's exit status if an application cannot start."""
TICKS: Final = 5
"""Ticks of a tenth of a second between two checks of the certificate file."""


class TlsServer(uvicorn.Server):
    """A uvicorn server on given sockets, with a certificate that may be replaced.

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
        """Listen, with a TLS handshake timeout below uvicorn's minute; called by uvicorn.

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
        """Check the certificate; called by uvicorn ten times a second.

        Args:
            counter: of the calls.
        """
        if self._tls is not None and counter % TICKS == 0:
            self._tls.refresh()
        return await super().on_tick(counter)

    def protocol(self) -> asyncio.Protocol:
        """Make the protocol of one connection, as uvicorn does."""
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made


class Listener(TlsServer):
    """One ASGI application on its sockets; the caller handles signals.

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
                # The same on every machine: uvicorn would use other packages if
                # they happen to be installed.
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
        # It would quote paths; a handler that is added to it must not bring that back.
        logging.getLogger("uvicorn.access").disabled = True
        self.listening = listening

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: the caller handles signals."""
        yield

    async def run_until_ended(self) -> None:
        """Serve until :meth:`end` is called and all requests in flight are answered."""
        await self.serve(sockets=self.listening)

    def end(self) -> None:
        """Stop accepting connections, answer the requests in flight, and return."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listening sockets and answer the requests of every client; called by uvicorn.

        Args:
            sockets: that it listened on.
        """
        await self._stop_accepting(sockets or [])
        await super().shutdown(sockets)

    async def _stop_accepting(self, sockets: list[socket.socket]) -> None:
        """Accept waiting connections and close: those in a closed socket's queue would be reset."""
        loop = asyncio.get_running_loop()
        for listening in sockets:
            loop.remove_reader(listening)
        await asyncio.sleep(0)  # some accepted connections have no protocol yet
        waiting: list[socket.socket] = []
        for listening in sockets:
            with contextlib.suppress(OSError):  # BlockingIOError: no connection is waiting any more
                while True:
                    waiting.append(listening.accept()[0])
        for server in self.servers:
            server.close()
        for accepted in waiting:
            accepted.setblocking(False)
            with contextlib.suppress(OSError):  # its client has left already
                await loop.connect_accepted_socket(
                    self.protocol,
                    accepted,
                    ssl=self.config.ssl,
                    ssl_handshake_timeout=self.handshake_seconds,
                )

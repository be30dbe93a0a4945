"""What a server with a front is besides its front: addresses, phases, listeners, draining."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp

from serving.front.app import Front
from serving.front.connections import ConnectionLimits
from serving.front.cors import with_cors
from serving.front.listener import Listener
from serving.front.monitoring import Probe, probes_app
from serving.front.redirect import redirect_app
from serving.front.settings import FrontSettings
from serving.front.sockets import listen
from serving.front.tls import TlsFiles

OTHER_CONNECTIONS: Final = 64
"""To the metrics and the probes, each."""


class StartError(RuntimeError):
    """The service cannot start, or go on; the message says why."""


class RuntimeEndedError(StartError):
    """A process that the runtime cannot do without has ended."""


@dataclass(frozen=True)
class Addresses:
    """Where a server listens; the host ``::`` is every address, of IPv4 and IPv6."""

    host: str
    inference_port: int
    metrics_port: int
    health_port: int | None = None
    """For ``/started``, ``/ready`` and ``/alive``; None where nobody asks."""


@dataclass(frozen=True)
class Lifetime:
    """How long the phases of a server's life may take, in seconds."""

    start: float
    """Until a worker must be ready."""

    drain: float
    """That requests are still taken after the end was asked for: clients and a cluster need a
    moment to notice."""

    finish: float
    """That requests in flight may take after that."""


@dataclass(frozen=True)
class Host:
    """Listens for a front and for what is next to it.

    Attributes:
        front: that answers clients.
        settings: its limits.
        addresses: to listen on.
        lifetime: of the server's phases.
        tls: certificate of the front; None for plain HTTP.
        redirect_port: that sends clients of plain HTTP to the front; 0 for none.
        report: called with what an operator should know, a line each.
    """

    front: Front
    settings: FrontSettings
    addresses: Addresses
    lifetime: Lifetime
    tls: TlsFiles | None
    redirect_port: int
    report: Callable[[str], None]

    @contextlib.asynccontextmanager
    async def listening(
        self, metrics: ASGIApp, probes: Mapping[str, Probe]
    ) -> AsyncIterator[Listener]:
        """Serve until the context ends; gives the front's listener.

        Args:
            metrics: answers Prometheus.
            probes: for the kubelet, by path.

        Raises:
            OSError: an address cannot be had.
        """
        where, finish = self.addresses, self.lifetime.finish
        limits = ConnectionLimits(
            max_connections=self.settings.max_connections,
            header_seconds=self.settings.header_seconds,
        )
        few = ConnectionLimits(max_connections=OTHER_CONNECTIONS)
        front = with_cors(self.front, self.settings.cors_origins)
        # Prometheus and the kubelet have no key, and get plain HTTP on ports of their own.
        planned: list[tuple[ASGIApp, int, ConnectionLimits, float, TlsFiles | None]] = [
            (front, where.inference_port, limits, finish, self.tls),
            (metrics, where.metrics_port, few, 1.0, None),
        ]
        if where.health_port is not None:
            planned.append((probes_app(probes), where.health_port, few, 1.0, None))
        if self.redirect_port:
            redirect = redirect_app(where.inference_port)
            planned.append((redirect, self.redirect_port, few, 1.0, None))
        listeners = [
            Listener(app, listen(where.host, port), bounds, seconds, tls)
            for app, port, bounds, seconds, tls in planned
        ]
        serving = [asyncio.create_task(listener.run_until_ended()) for listener in listeners]
        try:
            yield listeners[0]
        finally:
            for listener in listeners:
                listener.end()
            await asyncio.gather(*serving)

    async def drain(self, listener: Listener) -> None:
        """Say that no request should come, take those that do, then wait for the last."""
        self.front.draining = True
        self.report(f"draining: requests are taken for {self.lifetime.drain:g} s more")
        await asyncio.sleep(self.lifetime.drain)
        listener.end()
        if not await self.front.wait_idle(self.lifetime.finish):
            self.report(
                f"{self.front.in_flight} requests are still in flight after "
                f"{self.lifetime.finish:g} s more: they are dropped"
            )

"""Host a front: addresses, phases of the life, listeners and draining, for either runtime."""

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
"""Maximum connections to the metrics and to the probes, each."""


class StartError(RuntimeError):
    """The service cannot start or continue; the message says why."""


class RuntimeEndedError(StartError):
    """A process that the runtime needs has ended."""


@dataclass(frozen=True)
class Addresses:
    """Addresses of a server; the host ``::`` is every address, IPv4 and IPv6."""

    host: str
    inference_port: int
    metrics_port: int
    health_port: int | None = None
    """Port of ``/started``, ``/ready`` and ``/alive``; None without probes."""


@dataclass(frozen=True)
class Lifetime:
    """Durations of the phases of a server's life, in seconds."""

    start: float
    """Seconds until a worker must be ready."""

    drain: float
    """Seconds for which requests are still accepted after the shutdown signal: clients and a
    cluster need a moment to notice."""

    finish: float
    """Seconds that requests in flight may take after that."""


@dataclass(frozen=True)
class Host:
    """Listens for a front, its metrics, its probes and its redirect.

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
        """Serve until the context ends; yields the front's listener.

        Args:
            metrics: answers Prometheus.
            probes: for the kubelet, by path.

        Raises:
            OSError: an address cannot be bound.
        """
        where, finish = self.addresses, self.lifetime.finish
        limits = ConnectionLimits(
            max_connections=self.settings.max_connections,
            header_seconds=self.settings.header_seconds,
        )
        few = ConnectionLimits(max_connections=OTHER_CONNECTIONS)
        front = with_cors(self.front, self.settings.cors_origins)
        # Prometheus and the kubelet have no key; metrics and probes are plain HTTP on
        # separate ports.
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
        """Drain: report not ready, accept requests that still come, then wait for the last one."""
        self.front.draining = True
        self.report(f"draining: requests are accepted for {self.lifetime.drain:g} s more")
        await asyncio.sleep(self.lifetime.drain)
        listener.end()
        if not await self.front.wait_idle(self.lifetime.finish):
            self.report(
                f"{self.front.in_flight} requests are still in flight after "
                f"{self.lifetime.finish:g} s more: they are dropped"
            )

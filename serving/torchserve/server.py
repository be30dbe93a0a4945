"""The whole server: TorchServe, the front, its health, and a graceful shutdown."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import BinaryIO, Final

from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from serving.front.access.control import AccessControl
from serving.front.access.settings import AccessSettings
from serving.front.app import Front
from serving.front.connections import ConnectionLimits
from serving.front.cors import with_cors
from serving.front.listener import Listener
from serving.front.monitoring import metrics_app, probes_app
from serving.front.redirect import redirect_app
from serving.front.settings import FrontSettings
from serving.front.sockets import listen
from serving.front.telemetry import FrontMetrics
from serving.front.tls import TlsFiles, tls_files
from serving.torchserve.client import TorchServeClient
from serving.torchserve.health import POLL_SECONDS, HealthMonitor, StartError
from serving.torchserve.heartbeats import Heartbeats
from serving.torchserve.process import Plan, TorchServeProcess
from serving.torchserve.starts import WorkerStarts

STOP_SECONDS: Final = 7.0
"""Seconds until TorchServe is killed."""
OTHER_CONNECTIONS: Final = 64
"""Maximum connections to the metrics and to the probes, each."""


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


class Server:
    """One server, from start to end; see :meth:`run`.

    Args:
        plan: of TorchServe.
        settings: of the front.
        access: access control and TLS.
        addresses: to listen on.
        lifetime: of its phases.
        log: for what TorchServe prints.
        report: called with what an operator should know, a line each.

    Raises:
        ValueError: a file that ``access`` names will not do.
    """

    def __init__(
        self,
        plan: Plan,
        settings: FrontSettings,
        access: AccessSettings,
        addresses: Addresses,
        lifetime: Lifetime,
        log: BinaryIO,
        report: Callable[[str], None],
    ) -> None:
        self._plan, self._settings, self._addresses = plan, settings, addresses
        self._lifetime, self._log, self._report = lifetime, log, report
        self._registry = CollectorRegistry()
        metrics = FrontMetrics(self._registry)
        self._client = TorchServeClient(plan.inference_socket, settings.answer_seconds, metrics)
        self._access = AccessControl(access, report)
        self._front = Front(settings, self._client, metrics, self._access)
        self._tls = tls_files(access.tls_certificate, access.tls_key, report)
        self._redirect_port = access.redirect_port

    async def run(
        self,
        ended: asyncio.Event,
        workers: int = 1,
        check: Callable[[HealthMonitor], None] = lambda monitor: None,
    ) -> str:
        """Serve until an event is set, then drain.

        Returns:
            Why no worker was ready before the event was set; empty where one was.

        Args:
            ended: set when the server must end.
            workers: of TorchServe; the first answers while the others load.
            check: called again and again; may raise.

        Raises:
            StartError: it cannot start or go on.
            OSError: an address cannot be bound.
        """
        heartbeats, starts = Heartbeats(self._plan.scratch), WorkerStarts(self._plan.scratch)
        heartbeats.clear()
        starts.clear()
        process = TorchServeProcess(self._plan, self._log)
        try:
            monitor = HealthMonitor(
                process,
                self._client,
                heartbeats,
                starts,
                f"http://127.0.0.1:{self._plan.management_port}",
                self._report,
            )
            async with self._listening(monitor) as front:
                await self._watch(monitor, ended, workers, check)
                if not monitor.started:
                    return await asyncio.to_thread(monitor.why_not_started)
                await self._drain(front)
                return ""
        finally:
            await self._client.close()
            await self._access.close()
            await asyncio.to_thread(process.stop, STOP_SECONDS)

    async def _watch(
        self,
        monitor: HealthMonitor,
        ended: asyncio.Event,
        workers: int,
        check: Callable[[HealthMonitor], None],
    ) -> None:
        """Monitor the server until it must end, and drain it."""
        watching = asyncio.create_task(monitor.run())
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._lifetime.start
        scaled = workers == 1
        try:
            while not ended.is_set():
                check(monitor)
                if watching.done():
                    watching.result()
                if monitor.started and not scaled:
                    await monitor.add_workers(workers)
                    scaled = True
                if not monitor.started and loop.time() > deadline:
                    why = await asyncio.to_thread(monitor.why_not_started)
                    raise StartError(f"no worker was ready after {self._lifetime.start:g} s: {why}")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), POLL_SECONDS / 2)
        finally:
            watching.cancel()

    async def _drain(self, listener: Listener) -> None:
        """Drain: report not ready, accept requests that still come, then wait for the last one."""
        self._front.draining = True
        self._report(f"draining: requests are accepted for {self._lifetime.drain:g} s more")
        await asyncio.sleep(self._lifetime.drain)
        listener.end()
        if not await self._front.wait_idle(self._lifetime.finish):
            self._report(
                f"{self._front.in_flight} requests are still in flight after "
                f"{self._lifetime.finish:g} s more: they are dropped"
            )

    @contextlib.asynccontextmanager
    async def _listening(self, monitor: HealthMonitor) -> AsyncIterator[Listener]:
        """Serve front, metrics and probes until the context ends; yields the front's listener."""
        where = self._addresses
        front = with_cors(self._front, self._settings.cors_origins)
        limits = ConnectionLimits(
            max_connections=self._settings.max_connections,
            header_seconds=self._settings.header_seconds,
        )
        few = ConnectionLimits(max_connections=OTHER_CONNECTIONS)
        metrics = metrics_app(
            self._registry, lambda: self._client.metrics_page(self._plan.metrics_socket)
        )
        # Prometheus and the kubelet have no key; metrics and probes are plain HTTP on
        # separate ports.
        planned: list[tuple[ASGIApp, int, ConnectionLimits, float, TlsFiles | None]] = [
            (front, where.inference_port, limits, self._lifetime.finish, self._tls),
            (metrics, where.metrics_port, few, 1.0, None),
        ]
        if where.health_port is not None:
            planned.append((self._probes(monitor), where.health_port, few, 1.0, None))
        if self._redirect_port:
            redirect = redirect_app(where.inference_port)
            planned.append((redirect, self._redirect_port, few, 1.0, None))
        listeners = [
            Listener(app, listen(where.host, port), bounds, finish, tls)
            for app, port, bounds, finish, tls in planned
        ]
        serving = [asyncio.create_task(listener.run_until_ended()) for listener in listeners]
        try:
            yield listeners[0]
        finally:
            for listener in listeners:
                listener.end()
            await asyncio.gather(*serving)

    def _probes(self, monitor: HealthMonitor) -> ASGIApp:
        """Probes for the kubelet: a pod that is not ready gets no requests."""
        client, front = self._client, self._front

        def ready() -> tuple[bool, str]:
            if front.draining:
                return False, "the pod is ending"
            return client.ready, client.why_not_ready

        return probes_app(
            {
                "/started": lambda: (monitor.started, client.why_not_ready),
                "/ready": ready,
                "/alive": lambda: (monitor.alive, "TorchServe has not answered for a minute"),
            }
        )

"""The whole server: workers, KServe's model server, the front, and a graceful shutdown."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from serving.front.access.control import AccessControl
from serving.front.access.settings import AccessSettings
from serving.front.app import Front
from serving.front.hosting import Addresses, Host, Lifetime, StartError
from serving.front.monitoring import Probe, metrics_app
from serving.front.routes import ROUTES, V2_ROUTES
from serving.front.settings import FrontSettings
from serving.front.telemetry import FrontMetrics
from serving.front.tls import tls_files
from serving.kserve.application import KServeBackend, data_plane
from serving.kserve.calls import Calls
from serving.kserve.dispatch import Dispatcher
from serving.kserve.forking import Plan
from serving.kserve.grpc_listener import GrpcListener
from serving.kserve.model import MelanomaModel
from serving.kserve.pool import WorkerPool

STOP_SECONDS: Final = 5.0
"""Seconds until workers that have not ended are killed."""
POLL_SECONDS: Final = 0.25


class Server:
    """One server, from start to end; see :meth:`run`.

    Args:
        plan: of the workers.
        settings: of the front.
        access: access control and TLS.
        addresses: to listen on.
        grpc_port: for gRPC, on the same host; 0 for none.
        lifetime: of its phases.
        log: receives what the workers print.
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
        grpc_port: int,
        lifetime: Lifetime,
        log: BinaryIO,
        report: Callable[[str], None],
    ) -> None:
        self._plan, self._lifetime = plan, lifetime
        self._registry = CollectorRegistry()
        metrics = FrontMetrics(self._registry)
        dispatcher = Dispatcher(plan.batch_size, settings.answer_seconds, metrics.repeated.inc)
        self._pool = WorkerPool(plan, dispatcher, log, report)
        backend = KServeBackend(data_plane(MelanomaModel(dispatcher)), self._pool)
        self._backend = backend
        self._access = AccessControl(access, report)
        self._front = Front(settings, backend, metrics, self._access, ROUTES | V2_ROUTES)
        self._host = Host(
            self._front,
            settings,
            addresses,
            lifetime,
            tls_files(access.tls_certificate, access.tls_key, report),
            access.redirect_port,
            report,
        )
        self._grpc = (
            GrpcListener(Calls(self._front), settings, access, addresses.host, grpc_port)
            if grpc_port
            else None
        )

    async def run(
        self,
        ended: asyncio.Event,
        check: Callable[[WorkerPool], None] = lambda pool: None,
    ) -> str:
        """Serve until an event is set, then drain.

        Returns:
            Why no worker was ready before the event was set; empty where one was.

        Args:
            ended: set when the server must end.
            check: called again and again; may raise.

        Raises:
            StartError: it cannot start or go on.
            OSError: an address cannot be bound.
        """
        metrics = metrics_app(self._registry, self._metrics_page)
        pool = asyncio.create_task(self._pool.run())
        try:
            async with self._host.listening(metrics, self._probes()) as listener, self._calls():
                await self._watch(pool, ended, check)
                if not self._pool.started:
                    return self._pool.why_not_ready
                await self._host.drain(listener)
                return ""
        finally:
            pool.cancel()
            with contextlib.suppress(asyncio.CancelledError, StartError):
                await pool
            await self._access.close()
            await asyncio.to_thread(self._pool.stop, STOP_SECONDS)

    @contextlib.asynccontextmanager
    async def _calls(self) -> AsyncIterator[None]:
        if self._grpc is None:
            yield
            return
        await self._grpc.start()
        try:
            yield
        finally:
            await self._grpc.stop(self._lifetime.finish)

    async def _watch(
        self, pool: asyncio.Task[None], ended: asyncio.Event, check: Callable[[WorkerPool], None]
    ) -> None:
        """Monitor the workers until the server must end.

        Raises:
            StartError: no worker was ready in time, or none can be started.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._lifetime.start
        while not ended.is_set():
            check(self._pool)
            if pool.done():
                pool.result()
            if not self._pool.started and loop.time() > deadline:
                raise StartError(
                    f"no worker was ready after {self._lifetime.start:g} s: "
                    f"{self._pool.why_not_ready}"
                )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), POLL_SECONDS)

    async def _metrics_page(self) -> bytes:
        return await asyncio.to_thread(exported, self._plan.metrics)

    def _probes(self) -> Mapping[str, Probe]:
        """Probes for the kubelet: a pod that is not ready gets no requests."""

        def ready() -> tuple[bool, str]:
            if self._front.draining:
                return False, "the pod is ending"
            return self._backend.ready, self._backend.why_not_ready

        return {
            "/started": lambda: (self._pool.started, self._pool.why_not_ready),
            "/ready": ready,
            # The same process answers: an answer is all that is needed.
            "/alive": lambda: (True, ""),
        }


def exported(folder: Path) -> bytes:
    """Add up the metrics of all workers, in Prometheus' text format.

    Args:
        folder: of the workers' metrics.

    Raises:
        OSError: no worker has started yet.
    """
    registry = CollectorRegistry()
    try:
        MultiProcessCollector(registry, path=str(folder))
    except ValueError:
        raise OSError("no worker has started yet") from None
    return generate_latest(registry)

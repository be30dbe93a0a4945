"""The whole server: TorchServe, the front, its health, and a graceful shutdown."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final

from prometheus_client import CollectorRegistry

from serving.front.access.control import AccessControl
from serving.front.access.settings import AccessSettings
from serving.front.app import Front
from serving.front.hosting import Addresses, Host, Lifetime, StartError
from serving.front.monitoring import Probe, metrics_app
from serving.front.settings import FrontSettings
from serving.front.telemetry import FrontMetrics
from serving.front.tls import tls_files
from serving.torchserve.client import TorchServeClient
from serving.torchserve.health import POLL_SECONDS, HealthMonitor
from serving.torchserve.heartbeats import Heartbeats
from serving.torchserve.process import Plan, TorchServeProcess
from serving.torchserve.starts import WorkerStarts

STOP_SECONDS: Final = 7.0
"""Seconds until TorchServe is killed."""


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
        self._plan = plan
        self._lifetime, self._log, self._report = lifetime, log, report
        self._registry = CollectorRegistry()
        metrics = FrontMetrics(self._registry)
        self._client = TorchServeClient(plan.inference_socket, settings.answer_seconds, metrics)
        self._access = AccessControl(access, report)
        self._front = Front(settings, self._client, metrics, self._access)
        self._host = Host(
            self._front,
            settings,
            addresses,
            lifetime,
            tls_files(access, report),
            access.redirect_port,
            report,
        )

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
            metrics = metrics_app(
                self._registry, lambda: self._client.metrics_page(self._plan.metrics_socket)
            )
            async with self._host.listening(metrics, self._probes(monitor)) as listener:
                await self._watch(monitor, ended, workers, check)
                if not monitor.started:
                    return await asyncio.to_thread(monitor.why_not_started)
                await self._host.drain(listener)
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

    def _probes(self, monitor: HealthMonitor) -> Mapping[str, Probe]:
        """Probes for the kubelet: a pod that is not ready gets no requests."""
        client, front = self._client, self._front

        def ready() -> tuple[bool, str]:
            if front.draining:
                return False, "the pod is ending"
            return client.ready, client.why_not_ready

        return {
            "/started": lambda: (monitor.started, client.why_not_ready),
            "/ready": ready,
            "/alive": lambda: (monitor.alive, "TorchServe has not answered for a minute"),
        }

"""The whole server with TorchServe: its process, its health, and a graceful shutdown."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import ClassVar, Final

from serving import release
from serving.front import hosting
from serving.front.telemetry import FrontMetrics
from serving.heartbeats import Heartbeats
from serving.torchserve.client import TorchServeClient
from serving.torchserve.health import HealthMonitor
from serving.torchserve.process import Plan, TorchServeProcess
from serving.torchserve.starts import WorkerStarts

STOP_SECONDS: Final = 7.0
"""Seconds until TorchServe is killed."""


class Server(hosting.Server):
    """A front with TorchServe behind it; see :meth:`serving.front.hosting.Server.run`."""

    keeps_workers_while_draining: ClassVar[bool] = False

    def make_upstream(self, metrics: FrontMetrics) -> TorchServeClient:
        """See :class:`serving.front.hosting.Server`."""
        plan, settings = self.plan, self.plan.settings
        options = release.java_options(plan.release / "config/config.properties")
        self._torchserve = Plan(
            plan.release,
            plan.scratch,
            (*options, *plan.java_options),
            settings.management_port,
            (settings.grpc_inference_port, settings.grpc_management_port),
        )
        self._monitor: HealthMonitor | None = None
        self._client = TorchServeClient(
            self._torchserve.inference_socket, plan.front.answer_seconds, metrics
        )
        return self._client

    @contextlib.asynccontextmanager
    async def runtime(self) -> AsyncIterator[HealthMonitor]:
        """See :class:`serving.front.hosting.Server`."""
        heartbeats, starts = Heartbeats(self.plan.scratch), WorkerStarts(self.plan.scratch)
        heartbeats.clear()
        starts.clear()
        process = TorchServeProcess(self._torchserve, self.plan.log)
        try:
            self._monitor = HealthMonitor(
                process,
                self._client,
                heartbeats,
                starts,
                f"http://127.0.0.1:{self._torchserve.management_port}",
                self.plan.report,
            )
            yield self._monitor
        finally:
            await self._client.close()
            await asyncio.to_thread(process.stop, STOP_SECONDS)

    async def metrics_page(self) -> bytes:
        """See :class:`serving.front.hosting.Server`."""
        return await self._client.metrics_page(self._torchserve.metrics_socket)

    async def once_started(self) -> None:
        """Start the other workers: the first answers while they load."""
        if self._monitor is not None and self.plan.workers > 1:
            await self._monitor.add_workers(self.plan.workers)

    def alive(self) -> tuple[bool, str]:
        """Probe ``/alive``."""
        alive = self._monitor is None or self._monitor.alive
        return alive, "TorchServe has not answered for a minute"

"""The whole server with KServe's model server: workers, REST, gRPC, and a graceful shutdown."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from serving import release
from serving.front import hosting
from serving.front.routes import ROUTES, V2_ROUTES
from serving.front.telemetry import FrontMetrics
from serving.kserve.application import KServeUpstream, data_plane
from serving.kserve.calls import Calls
from serving.kserve.dispatch import Dispatcher
from serving.kserve.forking import Plan, unpack
from serving.kserve.grpc_listener import GrpcListener
from serving.kserve.model import MelanomaModel
from serving.kserve.pool import WorkerPool

STOP_SECONDS: Final = 5.0
"""Seconds until workers that have not ended are killed."""


class Server(hosting.Server):
    """A front with KServe's model server; see :meth:`serving.front.hosting.Server.run`.

    Args:
        plan: what is served and how.

    Raises:
        StartError: the archive cannot be unpacked.
        ValueError: a file that the plan's ``access`` names cannot be used.
    """

    def __init__(self, plan: hosting.ServerPlan) -> None:
        super().__init__(plan, ROUTES | V2_ROUTES)

    def make_upstream(self, metrics: FrontMetrics) -> KServeUpstream:
        """See :class:`serving.front.hosting.Server`."""
        plan = self.plan
        archive = plan.scratch / "archive"
        batch_size = unpack(plan.release / release.ARCHIVE, archive)
        workers = Plan(archive, plan.scratch, plan.workers, batch_size)
        dispatcher = Dispatcher(batch_size, plan.front.answer_seconds, metrics.repeated.inc)
        self._metrics_folder = workers.metrics
        self._pool = WorkerPool(workers, dispatcher, plan.log, plan.report)
        return KServeUpstream(data_plane(MelanomaModel(dispatcher)), self._pool)

    @contextlib.asynccontextmanager
    async def runtime(self) -> AsyncIterator[WorkerPool]:
        """See :class:`serving.front.hosting.Server`."""
        try:
            yield self._pool
        finally:
            await asyncio.to_thread(self._pool.stop, STOP_SECONDS)

    @contextlib.asynccontextmanager
    async def further_listeners(self) -> AsyncIterator[Sequence[GrpcListener]]:
        """Serve gRPC, on the same host."""
        plan, port = self.plan, self.plan.settings.grpc_inference_port
        if not port:
            yield ()
            return
        grpc = GrpcListener(Calls(self.front), plan.front, plan.access, plan.host, port)
        await grpc.start()
        try:
            yield (grpc,)
        finally:
            await grpc.stop(plan.settings.finish_seconds)

    async def metrics_page(self) -> bytes:
        """See :class:`serving.front.hosting.Server`."""
        return await asyncio.to_thread(exported, self._metrics_folder)


def exported(folder: Path) -> bytes:
    """Add up the metrics of all workers, in Prometheus' text format.

    Not in :mod:`serving.kserve.exporter`: the server imports neither torch nor the handlers.

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

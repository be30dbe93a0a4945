"""Host a front for either runtime: listeners, the phases of the server's life, draining."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Final, Protocol

from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from serving.front.access.control import AccessControl
from serving.front.access.settings import AccessSettings
from serving.front.app import Front
from serving.front.connections import ConnectionLimits
from serving.front.listener import Listener
from serving.front.messages import Upstream
from serving.front.outcomes.counting import open_outcomes
from serving.front.outcomes.settings import OutcomeSettings
from serving.front.routes import ROUTES, Route
from serving.front.settings import FrontSettings, ServerSettings
from serving.front.side_apps import metrics_app, probes_app, redirect_app, with_cors
from serving.front.sockets import listen
from serving.front.telemetry import FrontMetrics
from serving.front.tls import TlsFiles, tls_files

OTHER_CONNECTIONS: Final = 64
"""Maximum connections to the metrics and to the probes, each."""
POLL_SECONDS: Final = 0.25


class StartError(RuntimeError):
    """The service cannot start or continue; the message says why."""


class RuntimeEndedError(StartError):
    """A process that the runtime needs has ended."""


class FurtherListener(Protocol):
    """A listener that only one runtime has."""

    async def stop(self, seconds: float) -> None:
        """Reject new requests; those in flight have so many seconds."""


class Workers(Protocol):
    """Workers of a runtime, as their server sees them."""

    started: bool
    """Whether one was ever ready."""
    deaths: int
    """Workers in a row that died before they were ready."""

    async def run(self) -> None:
        """Look after them until cancelled; raises StartError if none can be started."""

    def why_not_started(self) -> str:
        """Explain why none was ever ready; may take a moment."""


@dataclass(frozen=True)
class ServerPlan:
    """A verified release, and how one server serves it."""

    settings: ServerSettings
    front: FrontSettings
    access: AccessSettings

    release: Path
    """Folder with ``config/`` and ``model-store/``, verified and private."""

    scratch: Path
    """Private folder of temporary files."""

    log: BinaryIO
    """File of all that the runtime prints."""

    report: Callable[[str], None]
    """Called with what an operator should know, a line each."""

    outcomes: OutcomeSettings
    model_version: str

    host: str = "::"
    """Address of all listeners; ``::`` is every address, IPv4 and IPv6."""

    health_port: int | None = None
    """Port of ``/started``, ``/ready`` and ``/alive``; None without probes."""

    workers: int = 1
    """Workers of the runtime; the first answers while the others load."""

    java_options: tuple[str, ...] = ()
    """JVM options after those of the release: if one occurs twice, Java uses the last."""


class Server(ABC):
    """One server, from start to end; see :meth:`run`.

    Args:
        plan: what is served and how.
        routes: routes of the front, by path.

    Raises:
        ValueError: a file that the plan's ``access`` or ``outcomes`` names cannot be used.
    """

    keeps_workers_while_draining: ClassVar[bool] = True
    """Whether workers are looked after until the last request is answered."""

    def __init__(self, plan: ServerPlan, routes: Mapping[bytes, Route] = ROUTES) -> None:
        self.plan = plan
        self._registry = CollectorRegistry()
        metrics = FrontMetrics(self._registry)
        self._access = AccessControl(plan.access, plan.report)
        self._upstream = self.make_upstream(metrics)
        self._tls = tls_files(plan.access, plan.report)
        counted = plan.outcomes, plan.front.verbs, plan.model_version
        self._outcomes = open_outcomes(*counted, metrics, plan.report)
        used = self._upstream, metrics, self._access
        self.front = Front(plan.front, *used, routes, self._outcomes)

    @abstractmethod
    def make_upstream(self, metrics: FrontMetrics) -> Upstream:
        """Make what answers the front's requests, once."""

    @abstractmethod
    def runtime(self) -> contextlib.AbstractAsyncContextManager[Workers]:
        """Start the runtime and yield its workers; stop it as the context ends."""

    @abstractmethod
    async def metrics_page(self) -> bytes:
        """Return the runtime's metrics in the text format; raises OSError where it cannot."""

    def further_listeners(
        self,
    ) -> contextlib.AbstractAsyncContextManager[Sequence[FurtherListener]]:
        """Listen on what only this runtime has, until the context ends."""
        return contextlib.nullcontext(())

    async def once_started(self) -> None:
        """Called when the first worker is ready."""
        return

    def alive(self) -> tuple[bool, str]:
        """Probe ``/alive``. The same process answers: that it does is usually enough."""
        return True, ""

    async def run(
        self, ended: asyncio.Event, check: Callable[[Workers], None] = lambda workers: None
    ) -> str:
        """Serve until an event is set, then drain.

        Returns:
            Why no worker was ready before the event was set; empty if one was.

        Args:
            ended: set when the server must end.
            check: called again and again; may raise.

        Raises:
            StartError: it cannot start or go on.
            OSError: an address cannot be bound.
        """
        try:
            async with self.runtime() as workers, _running(workers.run()) as running:
                async with (
                    self._listening(workers) as listener,
                    self.further_listeners() as further,
                ):
                    await self._watch(workers, running, ended, check)
                    if not workers.started:
                        return await asyncio.to_thread(workers.why_not_started)
                    if not self.keeps_workers_while_draining:
                        running.cancel()
                    await self._drain(listener, further)
                    return ""
        finally:
            await self._access.close()
            if self._outcomes is not None:
                self._outcomes.close()

    async def _watch(
        self,
        workers: Workers,
        running: asyncio.Task[None],
        ended: asyncio.Event,
        check: Callable[[Workers], None],
    ) -> None:
        """Wait until the server must end.

        Raises:
            StartError: no worker was ready in time, or none can be started.
        """
        loop = asyncio.get_running_loop()
        seconds = self.plan.settings.start_seconds
        deadline = loop.time() + seconds
        known = False
        while not ended.is_set():
            check(workers)
            if running.done():
                running.result()
            if workers.started and not known:
                known = True
                await self.once_started()
            if not workers.started and loop.time() > deadline:
                why = await asyncio.to_thread(workers.why_not_started)
                raise StartError(f"no worker was ready after {seconds:g} s: {why}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), POLL_SECONDS)

    @contextlib.asynccontextmanager
    async def _listening(self, workers: Workers) -> AsyncIterator[Listener]:
        """Serve front, metrics, probes and redirect until the context ends.

        Yields the front's listener; raises OSError if an address cannot be bound.
        """
        plan, front = self.plan, self.plan.front
        limits = ConnectionLimits(
            max_connections=front.max_connections, header_seconds=front.header_seconds
        )
        few = ConnectionLimits(max_connections=OTHER_CONNECTIONS)
        # Prometheus and the kubelet have no key; metrics and probes are plain HTTP on
        # separate ports.
        inference, finish = plan.settings.inference_port, plan.settings.finish_seconds
        planned: list[tuple[ASGIApp, int, ConnectionLimits, float, TlsFiles | None]] = [
            (with_cors(self.front, front.cors_origins), inference, limits, finish, self._tls),
            (
                metrics_app(self._registry, self.metrics_page),
                *(plan.settings.metrics_port, few, 1.0, None),
            ),
        ]
        if plan.health_port is not None:
            planned.append((self._probes(workers), plan.health_port, few, 1.0, None))
        if plan.access.redirect_port:
            redirect = redirect_app(inference)
            planned.append((redirect, plan.access.redirect_port, few, 1.0, None))
        listeners = [
            Listener(app, listen(plan.host, port), bounds, seconds, tls)
            for app, port, bounds, seconds, tls in planned
        ]
        serving = [asyncio.create_task(listener.run_until_ended()) for listener in listeners]
        try:
            yield listeners[0]
        finally:
            for listener in listeners:
                listener.end()
            await asyncio.gather(*serving)

    def _probes(self, workers: Workers) -> ASGIApp:
        """For the kubelet: a pod that is not ready gets no requests, one not alive is killed."""

        def ready() -> tuple[bool, str]:
            if self.front.draining:
                return False, "the pod is ending"
            return self._upstream.ready, self._upstream.why_not_ready

        return probes_app(
            {
                "/started": lambda: (workers.started, self._upstream.why_not_ready),
                "/ready": ready,
                "/alive": self.alive,
            }
        )

    async def _drain(self, listener: Listener, further: Sequence[FurtherListener]) -> None:
        """Drain: report not ready, accept requests that still come, then wait for the last one."""
        drain, finish = self.plan.settings.drain_seconds, self.plan.settings.finish_seconds
        self.front.draining = True
        self.plan.report(f"draining: requests are accepted for {drain:g} s more")
        await asyncio.sleep(drain)
        listener.end()
        # All at once: a client that one of them still let in would keep the others waiting.
        ended = [asyncio.create_task(one.stop(finish)) for one in further]
        idle = await self.front.wait_idle(finish)
        await asyncio.gather(*ended)
        if not idle:
            self.plan.report(
                f"{self.front.in_flight} requests are still in flight after {finish:g} s more: "
                "they are dropped"
            )


@contextlib.asynccontextmanager
async def _running(coroutine: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run it as a task, which is cancelled as the context ends."""
    task = asyncio.create_task(coroutine)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, StartError):
            await task

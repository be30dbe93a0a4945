"""Create the runtime of a pod from its settings: TorchServe or KServe's model server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, Protocol

from k8s.pod import resources
from k8s.pod.settings import PodSettings
from serving import release
from serving.front.access.settings import AccessSettings
from serving.front.hosting import Addresses, Lifetime
from serving.front.settings import FrontSettings

NAMES: Final = {"torchserve": "TorchServe", "kserve": "KServe's model server"}


class Workers(Protocol):
    """State of a runtime's workers."""

    started: bool
    """Whether a worker was ever ready."""
    deaths: int
    """Deaths of workers in a row before any became ready."""


Check = Callable[[Workers], None]
RunningServer = Callable[[asyncio.Event, Check], Coroutine[Any, Any, str]]
"""Function that serves until the event is set, then drains, and returns why no worker was ready by
then. The check is called again and again and may raise."""


def prepared(
    settings: PodSettings,
    front: FrontSettings,
    access: AccessSettings,
    folder: Path,
    limit: int | None,
) -> RunningServer:
    """Create the server of a verified release.

    Args:
        settings: of the pod; they name the runtime.
        front: limits.
        access: access control and TLS.
        folder: the private copy of the release.
        limit: bytes that the container may use, or None.
    """
    if settings.runtime == "kserve":
        return _kserve(settings, front, access, folder)
    return _torchserve(settings, front, access, folder, limit)


def _torchserve(
    settings: PodSettings,
    front: FrontSettings,
    access: AccessSettings,
    folder: Path,
    limit: int | None,
) -> RunningServer:
    # Its Java is not in every image.
    from serving.torchserve.process import Plan
    from serving.torchserve.server import Server

    options = release.java_options(folder / "config/config.properties")
    plan = Plan(
        folder,
        settings.scratch,
        # If an option occurs twice, Java uses the last one.
        (*options, *resources.jvm_memory(limit)),
        settings.management_port,
        (settings.grpc_inference_port, settings.grpc_management_port),
    )
    server = Server(
        plan, front, access, _addresses(settings), _lifetime(settings), sys.stdout.buffer, _report
    )
    return lambda ended, check: server.run(ended, check=check)


def _kserve(
    settings: PodSettings, front: FrontSettings, access: AccessSettings, folder: Path
) -> RunningServer:
    from serving.kserve.forking import Plan, unpack
    from serving.kserve.server import Server

    archive = settings.scratch / "archive"
    plan = Plan(archive, settings.scratch, 1, unpack(folder / release.ARCHIVE, archive))
    server = Server(
        plan,
        front,
        access,
        _addresses(settings),
        settings.grpc_inference_port,
        _lifetime(settings),
        sys.stdout.buffer,
        _report,
    )
    return lambda ended, check: server.run(ended, check)


def _addresses(settings: PodSettings) -> Addresses:
    return Addresses("::", settings.inference_port, settings.metrics_port, settings.health_port)


def _lifetime(settings: PodSettings) -> Lifetime:
    return Lifetime(settings.start_seconds, settings.drain_seconds, settings.finish_seconds)


def _report(line: str) -> None:
    print(f"pod: {line}", flush=True)

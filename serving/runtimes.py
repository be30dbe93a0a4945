"""Either runtime on this machine, from the same settings: TorchServe or KServe's model server."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, BinaryIO, Final

from serving import release
from serving.front.access.settings import AccessSettings
from serving.front.hosting import Addresses, Lifetime
from serving.front.settings import FrontSettings
from serving.settings import ServingSettings

NAMES: Final = {"torchserve": "TorchServe", "kserve": "KServe's model server"}

RunningServer = Callable[[asyncio.Event], Coroutine[Any, Any, str]]
"""Serves until the event is set, and drains."""
Report = Callable[[str], None]


def prepared(
    settings: ServingSettings,
    front: FrontSettings,
    access: AccessSettings,
    scratch: Path,
    log: BinaryIO,
    report: Report,
) -> RunningServer:
    """Copy and verify the archive, and make its server.

    Args:
        settings: of the server; they name the runtime.
        front: limits.
        access: who may ask.
        scratch: private folder.
        log: for what the runtime prints.
        report: called with what a person should know, a line each.
    """
    copy = scratch / "release"
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as layout:
        (Path(layout) / "config").symlink_to(settings.config.resolve())
        (Path(layout) / "model-store").symlink_to(settings.archive.resolve())
        release.copy_verified(Path(layout), copy, settings.digest or None)
    make = _kserve if settings.runtime == "kserve" else _torchserve
    return make(settings, front, access, scratch, log, report)


def _torchserve(
    settings: ServingSettings,
    front: FrontSettings,
    access: AccessSettings,
    scratch: Path,
    log: BinaryIO,
    report: Report,
) -> RunningServer:
    from serving.torchserve.process import Plan
    from serving.torchserve.server import Server

    copy = scratch / "release"
    server = Server(
        Plan(
            copy,
            scratch,
            tuple(release.java_options(copy / "config/config.properties")),
            settings.management_port,
            (settings.grpc_inference_port, settings.grpc_management_port),
        ),
        front,
        access,
        Addresses(settings.host, settings.inference_port, settings.metrics_port),
        _lifetime(settings),
        log,
        report,
    )
    return lambda ended: server.run(ended, settings.workers)


def _kserve(
    settings: ServingSettings,
    front: FrontSettings,
    access: AccessSettings,
    scratch: Path,
    log: BinaryIO,
    report: Report,
) -> RunningServer:
    # Two seconds of imports, which the other runtime does without.
    from serving.kserve.forking import Plan, unpack
    from serving.kserve.server import Server

    archive = scratch / "archive"
    batch_size = unpack(scratch / "release" / release.ARCHIVE, archive)

    async def run(ended: asyncio.Event) -> str:
        server = Server(
            Plan(archive, scratch, settings.workers, batch_size),
            front,
            access,
            Addresses(settings.host, settings.inference_port, settings.metrics_port),
            settings.grpc_inference_port,
            _lifetime(settings),
            log,
            report,
        )
        return await server.run(ended)

    return run


def _lifetime(settings: ServingSettings) -> Lifetime:
    return Lifetime(settings.start_seconds, settings.drain_seconds, settings.finish_seconds)

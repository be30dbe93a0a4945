"""``python -m serving``: the local server in the foreground, until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

from serving import release, runtimes
from serving.front import access_log
from serving.front.access.settings import AccessSettings
from serving.front.hosting import Server, ServerPlan, StartError
from serving.front.outcomes.settings import OutcomeSettings
from serving.front.settings import FrontSettings
from serving.front.sockets import exposed, host_port
from serving.preflight import PreflightError, check
from serving.settings import ServingSettings

FAILURES: Final = (StartError, PreflightError, release.ReleaseError, ValueError, OSError)
"""Exceptions whose message is enough for a person; pydantic's errors are a ValueError."""


class Console:
    """Messages for a person; prints the addresses once, when the service is ready.

    Args:
        settings: name the addresses.
        encrypted: whether the front accepts TLS only.
    """

    def __init__(self, settings: ServingSettings, encrypted: bool) -> None:
        self._settings = settings
        self._inference = settings.inference
        if encrypted:
            self._inference = self._inference.replace("http:", "https:", 1)
        self.ready = False
        """Whether it has ever been ready."""

    def report(self, line: str) -> None:
        """Print a line."""
        if line == "ready" and not self.ready:
            self.ready = True
            settings = self._settings
            line = (
                f"ready\n"
                f"  predict  POST {self._inference}/v1/models/melanoma:predict\n"
                f"  explain  POST {self._inference}/v1/models/melanoma:explain\n"
                f"{self._v2()}"
                f"  metrics  GET  {settings.metrics}/metrics\n"
                f"  logs     {settings.logs}\n"
                f"Ctrl-C ends it."
            )
        print(line, flush=True)

    def _v2(self) -> str:
        settings = self._settings
        if settings.runtime != "kserve":
            return ""
        where = host_port(settings.host, settings.grpc_inference_port)
        return f"  V2       POST {self._inference}/v2/models/melanoma/infer\n  gRPC     {where}\n"


def main() -> int:
    """Serve; returns 0 after a signal, 1 if the server ended by itself, 2 if it did not start."""
    console: Console | None = None
    try:
        settings = ServingSettings()
        front = FrontSettings.from_environment(os.environ)
        access = AccessSettings.from_environment(os.environ)
        outcomes = OutcomeSettings.from_environment(os.environ)
        check(settings, access.redirect_port)
        encrypted = bool(access.tls_certificate)
        if warning := exposed(settings.host, encrypted, access.locked, "LESIONLENS_API_KEYS"):
            print(warning, flush=True)
        requests = settings.logs / "access.log"
        access_log.send_to(logging.FileHandler(requests, mode="w", encoding="utf-8"))
        console = Console(settings, encrypted)
        print(f"starting {runtimes.NAMES[settings.runtime]} ...", flush=True)
        # For the unpacked archive and the sockets between processes.
        with (
            tempfile.TemporaryDirectory(prefix="lesionlens-") as scratch,
            (settings.logs / "console.log").open("wb") as log,
        ):
            copy = Path(scratch) / "release"
            _copy_verified(settings, copy)
            server = runtimes.create_server(
                ServerPlan(
                    settings,
                    *(front, access, copy, Path(scratch), log, console.report),
                    outcomes=outcomes,
                    model_version=release.model_version(copy),
                    host=settings.host,
                    workers=settings.workers,
                )
            )
            asyncio.run(_until_signal(server))
    except FAILURES as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1 if console is not None and console.ready else 2
    print("stopped", flush=True)
    return 0


def _copy_verified(settings: ServingSettings, copy: Path) -> None:
    """Copy configuration and archive to a private folder, laid out and verified as a release."""
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as layout:
        (Path(layout) / "config").symlink_to(settings.config.resolve())
        (Path(layout) / "model-store").symlink_to(settings.archive.resolve())
        release.copy_verified(Path(layout), copy, settings.digest or None)


async def _until_signal(server: Server) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Ignore further signals: a second Ctrl-C must not interrupt the draining.
        loop.add_signal_handler(number, ended.set)
    await server.run(ended)


if __name__ == "__main__":
    sys.exit(main())

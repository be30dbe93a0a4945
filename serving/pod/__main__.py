"""``python -m serving.pod``: run the service as a pod does, until SIGTERM or SIGINT.

Exit status 0 when a signal ended it once it had been ready, else one of
:class:`serving.pod.errors.ExitCode`, with the reason as the last line.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time

from serving import release
from serving.front import access_log
from serving.front.access.settings import AccessSettings
from serving.front.environment import without_service_links
from serving.front.hosting import RuntimeEndedError, Server, ServerPlan, StartError, Workers
from serving.front.outcomes.settings import OutcomeSettings
from serving.front.settings import FrontSettings
from serving.pod import model_volume, resources
from serving.pod.errors import ExitCode, PodError
from serving.pod.settings import PodSettings
from serving.runtimes import NAMES, create_server


def main(arguments: list[str] | None = None) -> int:
    """Run; see the module for the exit status."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        settings = PodSettings.read(os.environ, sys.argv[1:] if arguments is None else arguments)
        _run(settings, *_front_settings(), ended)
    except PodError as error:
        print(f"error: {error}", flush=True)
        return int(error.code)
    print("pod: ended", flush=True)
    return 0


def _front_settings() -> tuple[FrontSettings, AccessSettings, OutcomeSettings]:
    try:
        return (
            FrontSettings.from_environment(os.environ),
            AccessSettings.from_environment(without_service_links(os.environ)),
            OutcomeSettings.from_environment(os.environ),
        )
    except ValueError as error:
        raise PodError(ExitCode.SETTING, str(error)) from None


def _run(
    settings: PodSettings,
    front: FrontSettings,
    access: AccessSettings,
    outcomes: OutcomeSettings,
    ended: threading.Event,
) -> None:
    limit = resources.memory_limit()
    resources.check_memory(settings, limit)
    resources.check_scratch(settings)
    resources.check_ports(settings)
    model_volume.wait(settings, os.environ.get("MODEL_INIT_MODE") == "async", ended)
    loaded = model_volume.load(settings)
    named = "verified" if settings.digest else "NOT VERIFIED (LESIONLENS_DIGEST is empty)"
    signed = "signature verified" if loaded.signed else "signature not asked for"
    runtime = NAMES[settings.runtime]
    print(f"pod: release {loaded.digest} {named}, {signed}; starting {runtime}", flush=True)
    access_log.send_to(logging.StreamHandler(sys.stdout))
    try:
        server = create_server(
            ServerPlan(
                settings,
                *(front, access, loaded.folder, settings.scratch, sys.stdout.buffer, _report),
                outcomes=outcomes,
                model_version=release.model_version(loaded.folder),
                health_port=settings.health_port,
                java_options=tuple(resources.jvm_memory(limit)),
            )
        )
    except ValueError as error:  # a file of keys, a certificate or a store
        raise PodError(ExitCode.SETTING, str(error)) from None
    memory = _MemoryWatch()
    began = time.monotonic()
    try:
        why = asyncio.run(_until_signal(server, ended, memory))
    except StartError as error:
        raise memory.explained(error) from None
    if why:
        raise PodError(
            ExitCode.NOT_STARTED,
            f"terminated (startup probe, or the pod was deleted) after "
            f"{time.monotonic() - began:.0f} s, before a worker was ready: {why}",
        )


class _MemoryWatch:
    """Watches for processes that the kernel kills for lack of memory."""

    def __init__(self) -> None:
        self._before = resources.memory_kills()
        self.killed = 0

    def check(self, workers: Workers) -> None:
        """Report what was killed; raises PodError if a retry would end in the same way."""
        killed = resources.memory_kills() - self._before
        if killed > self.killed:
            self.killed = killed
            print("pod: a process was killed for lack of memory", flush=True)
        # What did not fit into memory once will not fit at the next try.
        if killed and workers.deaths and not workers.started:
            raise self._error()

    def explained(self, error: StartError) -> PodError:
        """Translate an error of the server into the pod's own error."""
        if self.killed:
            return self._error()
        frontend = isinstance(error, RuntimeEndedError)
        return PodError(ExitCode.FRONTEND if frontend else ExitCode.WORKER, str(error))

    def _error(self) -> PodError:
        return PodError(
            ExitCode.MEMORY,
            f"processes were killed for lack of memory, {self.killed} in all, and no worker can "
            "load the model: raise resources.limits.memory",
        )


def _report(line: str) -> None:
    print(f"pod: {line}", flush=True)


async def _until_signal(server: Server, ended: threading.Event, memory: _MemoryWatch) -> str:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    if ended.is_set():
        over.set()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    return await server.run(over, memory.check)


if __name__ == "__main__":
    sys.exit(main())

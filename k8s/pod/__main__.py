"""``python -m k8s.pod``: run the service as a pod does, until SIGTERM or SIGINT.

Exit status 0 when a signal ended it once it had been ready, else one of
:class:`k8s.pod.errors.ExitCode`, with the reason as the last line.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time

from k8s.pod import model_volume, resources, runtimes
from k8s.pod.errors import ExitCode, PodError
from k8s.pod.runtimes import RunningServer, Workers
from k8s.pod.settings import PodSettings
from serving.front.access.settings import AccessSettings
from serving.front.access_log import logger as access_log
from serving.front.environment import without_service_links
from serving.front.hosting import RuntimeEndedError, StartError
from serving.front.settings import FrontSettings


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


def _front_settings() -> tuple[FrontSettings, AccessSettings]:
    try:
        return (
            FrontSettings.from_environment(os.environ),
            AccessSettings.from_environment(without_service_links(os.environ)),
        )
    except ValueError as error:
        raise PodError(ExitCode.SETTING, str(error)) from None


def _run(
    settings: PodSettings, front: FrontSettings, access: AccessSettings, ended: threading.Event
) -> None:
    limit = resources.memory_limit()
    resources.check_memory(settings, limit)
    resources.check_scratch(settings)
    resources.check_ports(settings)
    model_volume.wait(settings, os.environ.get("MODEL_INIT_MODE") == "async", ended)
    loaded = model_volume.load(settings)
    named = "verified" if settings.digest else "NOT VERIFIED (LESIONLENS_DIGEST is empty)"
    signed = "signature verified" if loaded.signed else "signature not asked for"
    runtime = runtimes.NAMES[settings.runtime]
    print(f"pod: release {loaded.digest} {named}, {signed}; starting {runtime}", flush=True)
    access_log.setLevel(logging.INFO)
    access_log.propagate = False
    access_log.addHandler(logging.StreamHandler(sys.stdout))
    try:
        serve = runtimes.prepared(settings, front, access, loaded.folder, limit)
    except ValueError as error:  # a file of keys or a certificate
        raise PodError(ExitCode.SETTING, str(error)) from None
    memory = _MemoryWatch()
    began = time.monotonic()
    try:
        why = asyncio.run(_until_signal(serve, ended, memory))
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


async def _until_signal(serve: RunningServer, ended: threading.Event, memory: _MemoryWatch) -> str:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    if ended.is_set():
        over.set()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    return await serve(over, memory.check)


if __name__ == "__main__":
    sys.exit(main())

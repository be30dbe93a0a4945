"""``python -m k8s.pod``: run the service as a pod does, until SIGTERM or SIGINT.

Exit status 0 when a signal ended it, else one of :class:`k8s.pod.errors.ExitCode`, with the
reason as the last line.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import threading
import time
from typing import Final

from k8s.pod import flight, health, model_volume, resources
from k8s.pod.errors import ExitCode, PodError
from k8s.pod.frontend import Frontend
from k8s.pod.settings import PodSettings
from k8s.pod.watch import Watch

DEATHS: Final = 3
"""Of workers in a row before one was ready, after which the pod ends: the kubelet waits longer
and longer between its tries, TorchServe does not."""
LOOK_SECONDS: Final = 0.5
READY_LOOK_SECONDS: Final = 2.0
STOP_SECONDS: Final = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Run; see the module for the status."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        _run(PodSettings.read(os.environ, sys.argv[1:] if arguments is None else arguments), ended)
    except PodError as error:
        print(f"error: {error}", flush=True)
        return int(error.code)
    print("pod: ended", flush=True)
    return 0


def _run(settings: PodSettings, ended: threading.Event) -> None:
    limit = resources.memory_limit()
    resources.check_memory(settings, limit)
    resources.check_scratch(settings)
    resources.check_ports(settings)
    model_volume.wait(settings, os.environ.get("MODEL_INIT_MODE") == "async", ended)
    loaded = model_volume.load(settings)
    # The verified copy, and never again the mounted folder, which somebody may write to.
    settings = dataclasses.replace(settings, models=loaded.folder)
    named = "verified" if settings.digest else "NOT VERIFIED (LESIONLENS_DIGEST is empty)"
    signed = "signature verified" if loaded.signed else "signature not asked for"
    print(f"pod: release {loaded.digest} {named}, {signed}; starting TorchServe", flush=True)
    watch = Watch(settings)
    server = health.serve(watch, settings.health_port)
    frontend = Frontend(settings, resources.jvm_memory(limit))
    try:
        _watch(frontend, watch, ended)
        if watch.started:
            _drain(settings, watch)
    finally:
        frontend.stop(STOP_SECONDS)
        server.shutdown()


def _watch(frontend: Frontend, watch: Watch, ended: threading.Event) -> None:
    """Look after it until a signal ends it; raises PodError when it cannot go on."""
    kills = resources.memory_kills()
    killed = 0
    while not ended.is_set():
        was = watch.ready
        if watch.look():
            frontend.deaths = 0
        if watch.ready != was:
            print(f"pod: {'ready' if watch.ready else f'not ready: {watch.why}'}", flush=True)
        before, killed = killed, resources.memory_kills() - kills
        if killed > before:
            print("pod: a process was killed for want of memory", flush=True)
        if frontend.status is not None:
            raise PodError(
                ExitCode.FRONTEND,
                f"TorchServe ended by itself (status {frontend.status}): {frontend.last_words}",
            )
        # What did not fit into memory once, fits no better at the next try.
        too_big = killed and frontend.deaths and not watch.started
        if frontend.deaths >= DEATHS or frontend.hopeless or too_big:
            raise _why_it_dies(frontend, killed)
        ended.wait(READY_LOOK_SECONDS if watch.ready else LOOK_SECONDS)


def _why_it_dies(frontend: Frontend, killed: int) -> PodError:
    if killed:
        return PodError(
            ExitCode.MEMORY,
            f"processes were killed for want of memory, {killed} in all, and no worker can load "
            "the model: raise resources.limits.memory",
        )
    return PodError(ExitCode.WORKER, f"the worker dies while it loads: {frontend.last_words}")


def _drain(settings: PodSettings, watch: Watch) -> None:
    """Stay until requests have stopped coming and the last of them is answered."""
    watch.drain()
    print(f"pod: draining, requests are taken for {settings.drain_seconds:g} s", flush=True)
    time.sleep(settings.drain_seconds)
    idle = flight.wait_idle(
        watch.pending, watch.pids(), settings.inference_port, settings.finish_seconds
    )
    if not idle:
        print(
            f"pod: requests were still in flight after {settings.finish_seconds:g} s more: a "
            "client keeps its connection and sends on; they are dropped",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())

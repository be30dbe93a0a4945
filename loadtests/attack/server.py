"""Killed and stopped workers, the shutdown of the server, a forbidden release, and tracebacks."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import time
from typing import Final

import httpx

from loadtests.attack.clients import clients
from loadtests.attack.targets import WORKERS, Outcome, Target, ordinary
from serving.local import LocalServer
from serving.settings import free_ports

CLIENTS: Final = 8
ROUNDS: Final = 5
QUICK_ROUNDS: Final = 2
NOT_READY_SECONDS: Final = 5.0
"""Seconds until ``/ready`` must report that no worker answers."""
BACK_SECONDS: Final = 10.0
"""Seconds until ``/ready`` must report that the service answers again."""
REPLACED_SECONDS: Final = 30.0
"""Seconds until a dead worker must be replaced."""
START_SECONDS: Final = 60.0
"""Seconds within which a server must refuse to start."""
ENDED_SECONDS: Final = 15.0
"""Seconds until a server under load must have ended."""
OPTION: Final = "OnOutOfMemoryError"
BUGS: Final = re.compile(rb"Traceback|Exception in |never retrieved|never awaited")
"""Texts that Python prints for an uncaught exception."""


def killed_workers(target: Target) -> Outcome:
    """Kill a worker with SIGKILL, five times, under load by eight clients."""
    replaced, rounds = 0, QUICK_ROUNDS if target.quick else ROUNDS
    with ordinary(target, CLIENTS) as tally:
        for _ in range(rounds):
            victim = min(target.ready_workers(REPLACED_SECONDS))
            time.sleep(0.5)
            os.kill(victim, signal.SIGKILL)
            ready = target.ready_workers(REPLACED_SECONDS, frozenset({victim}))
            replaced += len(ready) >= WORKERS
    return Outcome(
        "workers: SIGKILL",
        f"{rounds} workers killed, one after the other, under {CLIENTS} clients",
        tally.unharmed and replaced == rounds,
        f"{tally.summary}; {replaced} replaced",
    )


def stopped_workers(target: Target) -> Outcome:
    """Stop every worker with SIGSTOP: the server must detect it, report it and replace them."""
    with ordinary(target, 2) as tally:
        time.sleep(0.5)
        victims = target.workers()
        for pid in victims:
            os.kill(pid, signal.SIGSTOP)
        start = time.monotonic()
        try:
            rejected = _until_ready(target, False, NOT_READY_SECONDS * target.tolerance)
            back = rejected and _until_ready(target, True, BACK_SECONDS * target.tolerance)
            seconds = time.monotonic() - start
        finally:
            for pid in victims & target.workers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
    target.ready_workers(REPLACED_SECONDS)
    return Outcome(
        "workers: SIGSTOP",
        "all workers stopped under 2 clients",
        tally.unharmed and rejected and back,
        f"/ready {'said' if rejected else 'did not say'} no; "
        f"{'back' if back else 'not back'} after {seconds:.1f} s; {tally.summary}",
    )


def terminated_server(target: Target) -> Outcome:
    """Send SIGTERM to a separate server, under load by eight clients."""
    settings = target.server.settings.model_copy(
        update={**free_ports(), "workers": 1, "logs": target.scratch / "terminated"}
    )
    with LocalServer(settings) as server:
        address = f"127.0.0.1:{settings.inference_port}"
        with clients(address, "/predictions/melanoma", target.photographs, CLIENTS) as tally:
            time.sleep(1.5)
            start = time.monotonic()
            os.kill(server.pid, signal.SIGTERM)
            status = server.wait()
            seconds = time.monotonic() - start
    return Outcome(
        "server: SIGTERM",
        f"SIGTERM of a server under {CLIENTS} clients",
        tally.unharmed and status == 0 and seconds <= ENDED_SECONDS * target.tolerance,
        f"{tally.summary}; ended with status {status} after {seconds:.1f} s",
    )


def java_option_that_runs_a_command(target: Target) -> Outcome:
    """Configure a Java option that runs a command: the server must refuse to start, or not read it.

    KServe's model server has no Java and does not read ``config.properties``.
    """
    folder = target.scratch / "configuration"
    evidence = target.scratch / "command-ran"
    shutil.copytree(target.server.settings.config, folder, dirs_exist_ok=True)
    properties = folder / "config.properties"
    lines = properties.read_text(encoding="utf-8").splitlines()
    changed = [
        f'{line} -XX:{OPTION}="touch {evidence}"' if line.startswith("vmargs=") else line
        for line in lines
    ]
    properties.write_text("\n".join(changed) + "\n", encoding="utf-8")
    settings = target.server.settings.model_copy(
        update={**free_ports(), "config": folder, "logs": target.scratch / "configured"}
    )
    server = LocalServer(settings)
    server.start()
    refuses = settings.runtime == "torchserve"
    status = None
    try:
        if refuses:
            status = server.wait(START_SECONDS * target.tolerance)
        else:
            server.wait_ready()
    finally:
        server.stop()
    printed = server.console.read_text(errors="replace")
    refused = status == 2 and OPTION in printed
    return Outcome(
        "release: Java option",
        f"-XX:{OPTION} in config.properties",
        refused == refuses and not evidence.exists() and changed != lines,
        f"exit status {status}; the option is {'' if OPTION in printed else 'not '}named; "
        f"the command {'ran' if evidence.exists() else 'did not run'}",
    )


def no_tracebacks(target: Target) -> Outcome:
    """Check that no attack made server, workers or page print a traceback."""
    found = BUGS.findall(target.logged())
    return Outcome(
        "no traceback",
        "everything above",
        not found,
        f"{len(found)} in the logs of server, workers and page",
    )


def _until_ready(target: Target, ready: bool, seconds: float) -> bool:
    """Wait for a status of ``/ready``; returns False after the timeout."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            status = httpx.get(f"{target.server.inference}/ready", timeout=2, trust_env=False)
            if status.status_code == (200 if ready else 503):
                return True
        time.sleep(0.05)
    return False

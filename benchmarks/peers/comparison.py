"""``make bench``: measure every server in turn, in rounds, and plot them.

An interrupted comparison continues where it stopped. ``ONLY="kserve litserve"`` measures these
rows; the result is written as soon as every row is measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.peers import environments, plot
from benchmarks.peers.contenders import CONTENDERS, OURS, Contender, unpacked
from benchmarks.peers.limit import Limit, medians
from benchmarks.peers.progress import Cell, Progress, Row
from benchmarks.peers.server import Server
from loadtests.closed_loop import Burst, burst
from loadtests.photographs import texts
from loadtests.results import machine, percentiles
from loadtests.settings import LoadSettings
from serving.settings import ServingSettings

CLIENTS: Final = {"predict": (1, 8, 32), "explain": (1, 8)}
WARM_SECONDS: Final = 6.0
"""Warm-up seconds of each server and verb before its first round: JVMs compile while they run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the choice of servers, and for how long each is measured."""
    parser.add_argument("--plot", type=Path, default=Path("docs/pictures/peers.png"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each burst")
    parser.add_argument("--only", nargs="*", choices=[one.name for one in CONTENDERS])
    parser.add_argument("--progress", type=Path, default=Path("build/bench/progress.json"))


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Measure the servers and plot them.

    Raises:
        RuntimeError: servers are left that neither this nor an earlier run has measured.
    """
    wanted = [one for one in CONTENDERS if not options.only or one.name in options.only]
    archive = (ServingSettings().archive / "melanoma.mar").resolve()
    photographs = texts(LoadSettings())
    build = Path("build/bench").resolve()
    progress = Progress.of(
        options.progress, archive, rounds=options.rounds, seconds=options.seconds
    )
    absent = run(wanted, archive, photographs, build, progress)
    left = [one.name for one in CONTENDERS if progress.rounds(one.name) < options.rounds]
    if unmeasured := [name for name in left if name not in absent]:
        raise RuntimeError(
            f"measured: {', '.join(progress.rows)}; the result is not written before these are, "
            f"too: {', '.join(unmeasured)} (`make bench`, or ONLY=...)"
        )
    document = result(progress, absent)
    plot.draw({"machine": machine(), **document}, options.plot)
    print(f"written to {options.plot}")
    options.progress.unlink()
    return document


def run(
    wanted: Sequence[Contender],
    archive: Path,
    photographs: dict[str, list[str]],
    build: Path,
    progress: Progress,
) -> dict[str, str]:
    """Measure the servers of one archive in the rounds that they lack.

    Args:
        wanted: the servers.
        archive: ``melanoma.mar``.
        photographs: base64 by kind.
        build: folder of the environments.
        progress: gets the measurements; its key says how many rounds, and how long a burst takes.

    Returns:
        Reasons why servers could not be started, by name.
    """
    rounds, seconds = progress.key["rounds"], progress.key["seconds"]
    lacking = [one for one in wanted if progress.rounds(one.name) < rounds]
    absent: dict[str, str] = {}
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        folder = unpacked(archive, scratch)
        limit = stack.enter_context(closing(Limit(folder)))
        progress.chosen = limit.chosen
        servers: dict[str, Server] = {}
        bodies: dict[str, dict[str, list[bytes]]] = {}
        for contender in lacking:
            say(f"{contender.title}: environment and start")
            bodies[contender.name] = {
                kind: [json.dumps(contender.body(text)).encode() for text in found]
                for kind, found in photographs.items()
            }
            try:
                environment = contender.environment or contender.name
                home = environments.programs(environment, contender.packages, build)
                first = bodies[contender.name]["small"][0]
                server = stack.enter_context(Server(contender, home, folder, first))
            except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
                if contender.name.startswith(OURS):
                    raise
                absent[contender.name] = str(error)[-300:]
                say(f"{contender.title} is left out: {error}")
                continue
            servers[contender.name] = server
            row = Row(contender.title, round(server.start_seconds, 2))
            progress.rows.setdefault(contender.name, row)
            for verb in CLIENTS:
                path = contender.route(verb)
                burst(server.port, path, bodies[contender.name]["small"], 1, WARM_SECONDS)
            server.pause()
        names = list(servers)
        for number in range(rounds):
            if len(progress.limit) <= number:
                progress.limit.append({k: limit.measure(photographs[k]) for k in photographs})
            for name in names[number % max(1, len(names)) :] + names[: number % max(1, len(names))]:
                row = progress.rows[name]
                if len(row.rounds) > number:
                    continue
                say(f"round {number + 1} of {rounds}: {row.title}")
                with servers[name].running():
                    row.rounds.append(
                        one_round(servers[name], bodies[name], seconds, row.rounds[-1:])
                    )
                    row.memory_mb = servers[name].memory()
                progress.save()
    return absent


def result(progress: Progress, absent: Mapping[str, str]) -> dict[str, Any]:
    """Return the result of all rows, in the order of the servers."""
    rows = {one.name: progress.rows[one.name] for one in CONTENDERS if one.name in progress.rows}
    return {
        "model": "ResNet-18, 224 x 224",
        "rounds": progress.key["rounds"],
        "seconds_a_burst": progress.key["seconds"],
        "backend": progress.chosen,
        "in_process": medians(progress.limit),
        "servers": {
            name: {
                "title": row.title,
                "start_seconds": row.start_seconds,
                "memory_mb": row.memory_mb,
                "cells": cells(row.cells),
            }
            for name, row in rows.items()
            if row.rounds
        },
        "left_out": dict(absent),
    }


def one_round(
    server: Server,
    bodies: dict[str, list[bytes]],
    seconds: float,
    before: Sequence[Mapping[Cell, Burst]],
) -> dict[Cell, Burst]:
    """Measure one round of one server; what failed in the round before is not measured again."""
    found: dict[Cell, Burst] = {}
    for verb, numbers in CLIENTS.items():
        for kind in bodies:
            for clients in numbers:
                cell = (verb, kind, clients)
                if any(cell not in one or not one[cell].seconds for one in before):
                    continue
                path = server.contender.route(verb)
                found[cell] = burst(server.port, path, bodies[kind], clients, seconds)
    return found


def cells(seen: Mapping[Cell, Sequence[Burst]]) -> dict[str, Any]:
    """Combine the rounds: latency over all, throughput as the median."""
    found: dict[str, Any] = {}
    for (verb, kind_, clients), bursts in seen.items():
        taken = [1000 * seconds for one in bursts for seconds in one.seconds]
        found.setdefault(f"{verb} {kind_}", {})[str(clients)] = {
            "answers": len(taken),
            "failures": sum(one.failures for one in bursts),
            "per_second": round(float(np.median([one.throughput for one in bursts])), 2),
            **(percentiles(taken, 50, 95, 99) if taken else {}),
        }
    return found


def say(what: str) -> None:
    """Print one line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)

"""``make bench``: measure every server in turn, in rounds, and plot them."""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.peers import environments, plot
from benchmarks.peers.contenders import CONTENDERS, OURS, Contender, unpacked
from benchmarks.peers.limit import Limit
from benchmarks.peers.server import Server
from loadtests.closed_loop import Burst, burst
from loadtests.photographs import texts
from loadtests.results import machine, percentiles
from loadtests.settings import LoadSettings
from serving.settings import ServingSettings

CLIENTS: Final = {"predict": (1, 8, 32), "explain": (1, 8)}
WARM_SECONDS: Final = 6.0
"""Warm-up seconds of each server and verb before the first round: JVMs compile while they run."""

Cells = dict[tuple[str, str, int], list[Burst]]
"""Bursts by verb, kind of photograph and number of clients."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the choice of servers, and for how long each is measured."""
    parser.add_argument("--plot", type=Path, default=Path("docs/pictures/peers.png"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each burst")
    parser.add_argument("--only", nargs="*", choices=[one.name for one in CONTENDERS])


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Measure the servers and plot them."""
    wanted = [one for one in CONTENDERS if not options.only or one.name in options.only]
    archive = (ServingSettings().archive / "melanoma.mar").resolve()
    photographs = texts(LoadSettings())
    build = Path("build/bench").resolve()
    document = run(wanted, archive, photographs, build, options.rounds, options.seconds)
    plot.draw({"machine": machine(), **document}, options.plot)
    print(f"written to {options.plot}")
    return document


def run(
    wanted: Sequence[Contender],
    archive: Path,
    photographs: dict[str, list[str]],
    build: Path,
    rounds: int,
    seconds: float,
) -> dict[str, object]:
    """Measure the servers of one archive.

    Args:
        wanted: the servers.
        archive: ``melanoma.mar``.
        photographs: base64 by kind.
        build: folder of the environments.
        rounds: each measures all servers, beginning with another.
        seconds: of each burst.
    """
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        folder = unpacked(archive, scratch)
        limit = stack.enter_context(closing(Limit(folder)))
        servers: dict[str, Server] = {}
        bodies: dict[str, dict[str, list[bytes]]] = {}
        seen: dict[str, Cells] = {}
        absent: dict[str, str] = {}
        for contender in wanted:
            say(f"{contender.title}: environment and start")
            bodies[contender.name] = {
                kind: [json.dumps(contender.body(text)).encode() for text in found]
                for kind, found in photographs.items()
            }
            try:
                home = environments.programs(contender.name, contender.packages, build)
                first = bodies[contender.name]["small"][0]
                server = stack.enter_context(Server(contender, home, folder, first))
            except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
                if contender.name == OURS:
                    raise
                absent[contender.name] = str(error)[-300:]
                say(f"{contender.title} is left out: {error}")
                continue
            servers[contender.name], seen[contender.name] = server, {}
            for verb in CLIENTS:
                path = contender.route(verb)
                burst(server.port, path, bodies[contender.name]["small"], 1, WARM_SECONDS)
            server.pause()
        names = list(servers)
        for number in range(rounds):
            for kind_ in photographs:
                limit.measure(kind_, photographs[kind_])
            for name in names[number % len(names) :] + names[: number % len(names)]:
                say(f"round {number + 1} of {rounds}: {servers[name].contender.title}")
                with servers[name].running():
                    one_server(servers[name], bodies[name], seconds, seen[name])
        found = {
            name: {
                "title": server.contender.title,
                "start_seconds": round(server.start_seconds, 2),
                "memory_mb": server.memory(),
                "cells": cells(seen[name]),
            }
            for name, server in servers.items()
        }
        return {
            "model": "ResNet-18, 224 x 224",
            "rounds": rounds,
            "seconds_a_burst": seconds,
            "backend": limit.chosen,
            "in_process": limit.result(),
            "servers": found,
            "left_out": absent,
        }


def one_server(server: Server, bodies: dict[str, list[bytes]], seconds: float, seen: Cells) -> None:
    """Measure one round of one server; a verb that fails is not measured again."""
    for verb, numbers in CLIENTS.items():
        for kind_ in bodies:
            for clients in numbers:
                cell = seen.setdefault((verb, kind_, clients), [])
                path = server.contender.route(verb)
                if cell and not cell[-1].seconds:
                    continue
                cell.append(burst(server.port, path, bodies[kind_], clients, seconds))


def cells(seen: Cells) -> dict[str, object]:
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

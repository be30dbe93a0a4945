"""``make fuzz``: send damaged requests to a server; returns 1 after a wrong answer."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from loadtests import results
from loadtests.fuzz.markers import found_in
from loadtests.fuzz.running import Run
from serving.local import LocalServer, ServerError
from serving.process import exit_when_terminated
from serving.settings import ServingSettings, free_ports

REQUESTS: Final = 20_000
CONNECTIONS: Final = 8
WORKERS: Final = 2
FOLDER: Final = Path("build/fuzz")
"""Folder for the bodies of requests with wrong answers."""


def fuzz(
    server: LocalServer, seed: int, requests: int, console: Console, connections: int = CONNECTIONS
) -> Run:
    """Send requests to a server and check it, its answers and its logs.

    Args:
        server: with its workers ready.
        seed: of the requests.
        requests: how many.
        console: that progress is shown on.
        connections: at a time.
    """
    before = set(server.worker_pids())
    run = Run(seed, requests, v2=server.settings.runtime == "kserve")
    with _bar(console) as progress:
        task = progress.add_task(f"fuzzing, seed {seed}", total=requests)
        run.send(
            server.settings.inference_port,
            connections,
            lambda done: progress.update(task, completed=done),
            server.settings.grpc_inference_port,
        )
    if lost := before - set(server.worker_pids()):
        run.found(-1, f"{len(lost)} of {len(before)} workers were lost")
    for path in sorted(server.settings.logs.rglob("*")):
        for index in sorted(set(found_in(path.read_bytes() if path.is_file() else b"")))[:10]:
            run.found(index, f"a body is quoted in {path.name}")
    return run


def summary(run: Run) -> dict[str, Any]:
    """Count by route, kind of body, content type and status, with the time."""
    fields = ("route", "kind", "content_type", "status")
    counts: dict[str, Counter[str]] = {name: Counter() for name in fields}
    for key, count in run.counts.items():
        for name, value in zip(fields, key, strict=True):
            counts[name][str(value) or "none"] += count
    return {
        "seed": run.seed,
        "requests": sum(run.counts.values()),
        "megabytes": round(run.sent_bytes / 1e6, 1),
        "seconds": round(run.seconds, 1),
        "connections": CONNECTIONS,
        "workers": WORKERS,
        "problems": len(run.problems),
        **{f"by_{name}": dict(sorted(counter.items())) for name, counter in counts.items()},
    }


def keep_bodies(run: Run, folder: Path) -> list[Path]:
    """Write requests with wrong answers to files named by seed and index."""
    paths = []
    for index in sorted({problem.index for problem in run.problems if problem.index >= 0}):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"seed-{run.seed}-index-{index}.http"
        path.write_bytes(run.request(index).data)
        paths.append(path)
    return paths


def main() -> int:
    """Fuzz, write the result and print wrong answers; returns 2 if the server cannot start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=results.FOLDER / "fuzz.json")
    arguments = parser.parse_args()
    console = Console()
    os.environ.setdefault("LESIONLENS_EXPLAIN_SECONDS", "60")
    try:
        with _server() as server:
            run = fuzz(server, arguments.seed, arguments.requests, console)
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    result = summary(run)
    print(f"{result['requests']} requests in {result['seconds']} s")
    results.write(arguments.output, result)
    for problem in run.problems:
        print(f"seed {run.seed}, index {problem.index}: {problem.message}")
    for path in keep_bodies(run, FOLDER):
        print(f"kept {path}")
    return 1 if run.problems else 0


@contextmanager
def _server() -> Iterator[LocalServer]:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        tempfile.tempdir = folder  # variables of the server as well
        try:
            settings = ServingSettings(logs=Path(folder) / "logs", workers=WORKERS)
            with LocalServer(settings.model_copy(update=free_ports())) as server:
                server.wait_ready(WORKERS)
                yield server
        finally:
            tempfile.tempdir = None


def _bar(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console)


if __name__ == "__main__":
    exit_when_terminated()
    sys.exit(main())

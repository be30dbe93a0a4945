"""``make loadtest``: run a load shape and check its objectives; returns 1 if one is missed."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import httpx
import numpy as np
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from loadtests import results
from loadtests.memory import MemoryTrend, slope_per_hour, watched, watched_processes
from loadtests.objectives import FAILED, Measured, Plan, Verdict, judge
from loadtests.photographs import select
from loadtests.settings import LoadSettings, key_headers
from serving.local import ServerError, temporary_server
from serving.process import exit_when_terminated

CONNECT_SECONDS: Final = 10.0
SHOWN: Final = 5
"""Number of unsent files that are named."""
ROOT = Path(__file__).resolve().parent.parent


class LocustRow(BaseModel):
    """Requests of one name in Locust's JSON."""

    name: str
    num_requests: int = 0
    response_times: Annotated[dict[float, int], Field(default_factory=dict)]
    """Number of requests by milliseconds."""


def main() -> int:
    """Returns 0 if every objective is met, 1 if one is missed, 2 if nothing could be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="", help="address; by default a server is started")
    parser.add_argument("--metrics", default="", help="address of its metrics, for the memory")
    parser.add_argument("--report", type=Path, default=Path("reports/loadtest.html"))
    parser.add_argument("--output", type=Path, help="write the result as JSON")
    asked = parser.parse_args()
    settings = LoadSettings()
    try:
        key_headers()
    except ValueError as error:
        return _wrong(str(error))
    try:
        plan = Plan.read(settings.load_objectives)
        _say_left_out(select(settings)[1])
    except (ValidationError, OSError) as error:
        return _wrong(f"{settings.load_objectives}: {error}")
    if settings.load_shape not in plan.shapes:
        known = ", ".join(plan.shapes)
        return _wrong(f"there is no shape {settings.load_shape!r}; there are: {known}")
    shape = plan.shapes[settings.load_shape]
    try:
        for name in ("host", "metrics"):
            setattr(asked, name, _address(name, getattr(asked, name)))
    except ValueError as error:
        return _wrong(str(error))
    with ExitStack() as stack:
        host, metrics = asked.host, asked.metrics
        processes: dict[str, list[tuple[float, float]]] = {}
        if not host:
            try:
                server = stack.enter_context(temporary_server())
            except ServerError as error:
                return _wrong(str(error))
            host, metrics = server.inference, server.metrics
            processes = stack.enter_context(watched_processes(server.pid))
        print(f"{settings.load_shape}: {shape.seconds:g} s against {host}", flush=True)
        samples = stack.enter_context(watched(metrics)) if metrics else []
        seen = locust(host, asked.report.resolve())
        if seen is None:
            return _wrong("Locust ended without a result; what it said is above")
        verdicts = judge(shape, seen)
        memory = slope_per_hour(samples)
        by_process = {name: slope_per_hour(found) for name, found in sorted(processes.items())}
    show(verdicts, seen, memory)
    print(f"report: {asked.report}")
    if asked.output:
        document = {
            "shape": settings.load_shape,
            "seconds": shape.seconds,
            "verbs": {verb: found.model_dump(exclude_none=True) for verb, found in seen.items()},
            "objectives": [
                {"verb": v.verb, "name": v.name, "wanted": v.wanted, "found": v.found, "met": v.met}
                for v in verdicts
            ],
            "worker_memory": memory,
            "process_memory": by_process,
        }
        results.write(asked.output, document)
    return 0 if all(verdict.met for verdict in verdicts) else 1


def locust(host: str, report: Path) -> dict[str, Measured] | None:
    """Run users and stages; returns the measurements by verb, or None.

    Args:
        host: address of the service.
        report: Locust's page, written there.
    """
    report.parent.mkdir(parents=True, exist_ok=True)
    script = str(ROOT / "loadtests" / "stages.py")
    command = [
        *(sys.executable, "-m", "locust", "-f", script, "--headless", "--host", host),
        *("--html", str(report), "--json", "--stop-timeout", "30", "--exit-code-on-error", "0"),
        *("--loglevel", "WARNING"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    try:
        rows = TypeAdapter(list[LocustRow]).validate_json(done.stdout)
    except ValidationError:
        return None
    by_name = {row.name: row for row in rows}
    verbs = sorted({name.removesuffix(FAILED) for name in by_name}, reverse=True)
    return {verb: _measured(by_name.get(verb), by_name.get(verb + FAILED)) for verb in verbs}


def _measured(answered: LocustRow | None, failed: LocustRow | None) -> Measured:
    """Return requests, share of errors, and percentiles of the answered requests."""
    good, bad = (row.num_requests if row else 0 for row in (answered, failed))
    counts = answered.response_times if answered else {}
    times = np.repeat(list(counts), list(counts.values())) if counts else np.zeros(0)
    percentiles = {
        f"p{share}": float(np.quantile(times, share / 100, method="inverted_cdf"))
        for share in (50, 95, 99)
        if len(times)
    }
    return Measured(requests=good + bad, error_rate=bad / max(1, good + bad), **percentiles)


def show(verdicts: list[Verdict], seen: dict[str, Measured], memory: MemoryTrend | None) -> None:
    """Print each objective.

    Args:
        verdicts: on each objective.
        seen: measurements by verb.
        memory: of the worker.
    """
    for verb, found in seen.items():
        print(f"{verb}: {found.requests} requests")
    for verdict in verdicts:
        unit = "" if verdict.name == "error_rate" else " ms"
        found_ = "nothing measured" if verdict.found is None else f"{verdict.found:g}{unit}"
        mark = "met   " if verdict.met else "MISSED"
        why = "" if verdict.errors_within_limit else " (too many errors)"
        print(
            f"  {mark} {verdict.verb} {verdict.name}: {found_}, at most {verdict.wanted:g}{unit}"
            f"{why if verdict.name != 'error_rate' else ''}"
        )
    if memory:
        print(
            f"  memory of the worker: {memory.median_mb:.0f} MB, "
            f"{memory.slope_mb_per_hour:+.1f} MB an hour (95 % interval "
            f"{memory.low:+.1f} to {memory.high:+.1f})"
        )


def _address(name: str, text: str) -> str:
    """Return an address that answers, without its last slash; "" for none.

    Raises:
        ValueError: it is not an address, or there is no answer.
    """
    if not text:
        return ""
    url = httpx.URL(text) if "://" in text else httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.path != "/" or url.query:
        raise ValueError(
            f"--{name} {text} is not an address of a server: write it as http://127.0.0.1:8080"
        )
    address = str(url).removesuffix("/")
    try:
        # Locust does not use proxies either.
        httpx.get(address, timeout=CONNECT_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        raise ValueError(f"no answer from {address} ({type(error).__name__})") from None
    return address


def _say_left_out(files_: list[str]) -> None:
    if files_:
        more = f" and {len(files_) - SHOWN} more" if len(files_) > SHOWN else ""
        print(f"not sent: {'; '.join(files_[:SHOWN])}{more}", flush=True)


def _wrong(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    exit_when_terminated()
    sys.exit(main())

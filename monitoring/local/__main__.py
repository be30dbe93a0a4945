"""``python -m monitoring.local``: Prometheus and Grafana for ``make serve``, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import ExitStack
from types import FrameType

import httpx
from pydantic import ValidationError

from monitoring.local.grafana import command, grafana
from monitoring.local.program import LocalError, Program
from monitoring.local.prometheus import Prometheus, Target
from monitoring.settings import LocalSettings, MonitoringSettings
from serving.front.sockets import host_port
from serving.process import POLL_SECONDS


class Ended(BaseException):
    """A signal requested the end."""


def main() -> int:
    """Run; returns 0 after a signal, 1 if a program ended by itself, 2 if one did not start."""

    def end(number: int, frame: FrameType | None) -> None:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_IGN)
        raise Ended

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, end)
    try:
        with ExitStack() as stack:
            return _watch(_start(LocalSettings(), MonitoringSettings().service, stack))
    except Ended:
        print("stopped", flush=True)
        return 0
    except (LocalError, ValidationError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 2


def _start(settings: LocalSettings, service: str, stack: ExitStack) -> list[Program]:
    metrics = host_port(settings.host, settings.metrics_port)
    prometheus = Prometheus(settings, [Target(metrics, service)])
    started: list[Program] = [stack.enter_context(prometheus)]
    print(f"prometheus  {prometheus.url}/graph", flush=True)
    print(f"alerts      {prometheus.url}/alerts", flush=True)
    program = command()
    if program is None:
        print(
            "grafana     is not on the PATH; its dashboards: monitoring/dashboards/json", flush=True
        )
    else:
        started.append(stack.enter_context(grafana(settings, program, prometheus.url)))
        for board in ("service", "drift"):
            print(f"grafana     {started[-1].url}/d/lesionlens-{board}", flush=True)
    print(f"scraping    http://{metrics}/metrics{_unless_it_answers(metrics)}", flush=True)
    print(f"Samples stay in {settings.build / 'prometheus'}. Ctrl-C ends it.", flush=True)
    return started


def _unless_it_answers(metrics: str) -> str:
    try:
        httpx.get(f"http://{metrics}/metrics", timeout=5, trust_env=False).raise_for_status()
    except httpx.HTTPError:
        return " (nothing answers there yet: start it with `make serve`)"
    return ""


def _watch(started: list[Program]) -> int:
    while all(process.running() for process in started):
        time.sleep(POLL_SECONDS)
    for process in started:
        if not process.running():
            print(f"{process.name} ended by itself: {process.last_error()}", flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())

"""Alerts on the server and its scraping, including failures that no request metric shows."""

from __future__ import annotations

from handlers.telemetry import REQUESTS, WORKER_STARTED
from monitoring.prometheus.objectives import ServerLimits
from monitoring.prometheus.rule import Alert, Group

HTTP_RESPONSES = "lesionlens_http_responses_total"
"""Metric of the front with labels ``route`` and ``status`` (serving/front/telemetry.py)."""
SERVICE = "namespace, service"
WHO = "{{ $labels.service }}"
CANARY = "-canary"
"""Suffix that the component ``canary`` adds to the service's name; no other rule names a
service."""


def groups(limits: ServerLimits, service: str) -> tuple[Group, ...]:
    """Groups of alerts: TorchServe first, then Prometheus' own view of its targets."""
    server = (
        _server_errors(limits),
        _refusals(limits),
        _queueing(limits),
        _restarts(limits),
        _no_traffic(limits),
    )
    return (
        Group("lesionlens-server", server),
        Group(
            "lesionlens-targets",
            (_scrape_fails(service), _absent(service), _canary_absent(service)),
        ),
    )


def _server_errors(limits: ServerLimits) -> Alert:
    answers = f'{HTTP_RESPONSES}{{route=~"predict|explain"}}'
    errors = f'{HTTP_RESPONSES}{{route=~"predict|explain", status=~"5.."}}'
    failed = f"sum by ({SERVICE}) (rate({errors}[10m]))"
    return Alert(
        "LesionLensServerErrors",
        f"""
        {failed} / (sum by ({SERVICE}) (rate({answers}[10m])) > 0) > {limits.error_ratio:g}
          and
        sum by ({SERVICE}) (increase({errors}[10m])) >= 5
        """,
        "page",
        f"{WHO}: the server answers with errors",
        "{{ $value | humanizePercentage }} of the answers within 10 minutes were 5xx. Those of the "
        "front (too many requests in flight, no worker) never reach the handler, so no error "
        "budget counts them.",
        holds="5m",
    )


def _refusals(limits: ServerLimits) -> Alert:
    return Alert(
        "LesionLensRefusals",
        f"""
        sum by ({SERVICE}) (increase({HTTP_RESPONSES}{{status="401"}}[10m])) >= {limits.refusals}
        """,
        "ticket",
        f"{WHO}: many requests without a valid key or token",
        '{{ $value | printf "%.0f" }} requests within 10 minutes were answered with 401: an '
        "attacker tries keys, or a client's key was revoked or has expired.",
    )


def _queueing(limits: ServerLimits) -> Alert:
    def rate(name: str) -> str:
        return f"sum by ({SERVICE}) (rate({name}[5m]))"

    return Alert(
        "LesionLensQueueing",
        # The latency histogram starts in the handler: only the frontend knows the waiting
        # time before it, as a sum.
        f"""
        {rate("ts_queue_latency_microseconds")} / 1e6
          / ({rate("ts_inference_requests_total")} > 0)
          > {limits.queue_seconds:g}
        """,
        "page",
        f"{WHO}: requests wait for a worker",
        'A request waits {{ $value | printf "%.2f" }} s for a worker (mean of 5 minutes, before '
        "the time that the latency objectives see).",
        holds="5m",
    )


def _restarts(limits: ServerLimits) -> Alert:
    return Alert(
        "LesionLensWorkerRestarts",
        f"sum by ({SERVICE}, instance) (changes({WORKER_STARTED.name}[1h])) >= {limits.restarts}",
        "ticket",
        f"{WHO}: a worker keeps restarting",
        "The worker of {{ $labels.instance }} was started {{ $value }} times "
        "within 1 h after its first start; each restart fails the requests in flight and blocks "
        "the queue for some seconds.",
    )


def _no_traffic(limits: ServerLimits) -> Alert:
    requests = f"increase({REQUESTS.name}[1h]"
    return Alert(
        "LesionLensNoTraffic",
        # Also compared with a week ago, if possible: a quiet Saturday is not a fault.
        f"""
        sum by ({SERVICE}) ({requests} offset 1d)) >= {limits.fewest_requests}
          and
        sum by ({SERVICE}) ({requests})) == 0
          unless
        sum by ({SERVICE}) ({requests} offset 1w)) < {limits.fewest_requests}
        """,
        "ticket",
        f"{WHO}: no requests, where there were some yesterday",
        "Not one request was counted within 1 h, though the server is scraped; in the same hour "
        'of yesterday there were {{ $value | printf "%.0f" }} requests.',
    )


def _scrape_fails(service: str) -> Alert:
    return Alert(
        "LesionLensScrapeFails",
        f'up{{service=~"{service}({CANARY})?"}} == 0',
        "ticket",
        f"{WHO}: {{{{ $labels.instance }}}} cannot be scraped",
        "Prometheus has had no answer from the metrics port of {{ $labels.instance }} for 5 "
        "minutes: the process is gone or stuck, or the network is closed to it.",
        holds="5m",
    )


def _absent(service: str) -> Alert:
    return Alert(
        "LesionLensAbsent",
        f'absent(up{{service="{service}"}} == 1)',
        "page",
        f"{service}: no server can be scraped",
        f'No target with service="{service}" has answered a scrape for 10 minutes: nothing '
        "serves, or the scrape configuration has lost it. No other alert can be trusted meanwhile.",
        holds="10m",
        labels={"service": service},  # absent() of a comparison has no labels
    )


def _canary_absent(service: str) -> Alert:
    # Not absent(): usually there is no canary.
    return Alert(
        "LesionLensAbsent",
        f'max by ({SERVICE}) (up{{service="{service}{CANARY}"}}) == 0',
        "page",
        f"{WHO}: no server can be scraped",
        "No target of {{ $labels.service }} has answered a scrape for 10 minutes, though there are "
        "targets: the share of the predictions that is sent there may be lost.",
        holds="10m",
    )

"""Alerts on the error budget: multi-window, multi-burn-rate.

Source: The Site Reliability Workbook (Google, 2018), chapter 5, "Alerting on SLOs".
"""

from __future__ import annotations

from handlers.telemetry import REQUEST_SECONDS, REQUESTS
from monitoring.prometheus.objectives import BurnRate, Objective, Objectives
from monitoring.prometheus.recording import VERB
from monitoring.prometheus.rule import Alert, Group


def groups(objectives: Objectives) -> tuple[Group, ...]:
    """One alert for each verb and pair of windows, on failures and on latency."""
    pairs = [
        (verb, objective, rate)
        for verb, objective in objectives.objectives.items()
        for rate in objectives.burn_rates
    ]
    fewest = objectives.fewest_bad_requests
    return (
        Group("lesionlens-availability", tuple(_failing(*pair, fewest) for pair in pairs)),
        Group("lesionlens-latency", tuple(_slow(*pair, fewest) for pair in pairs)),
    )


def _failing(verb: str, objective: Objective, rate: BurnRate, fewest: int) -> Alert:
    failed = f'{REQUESTS.name}{{verb="{verb}", outcome="failed"}}'
    count = f"sum by ({VERB}) (increase({failed}[{rate.long}])) >= {fewest}"
    return Alert(
        "LesionLensErrorBudgetBurn",
        _burning("lesionlens:requests_error_ratio", verb, rate, objective.available, count),
        rate.severity,
        f"{{{{ $labels.service }}}}: too many {verb} requests fail",
        f"{{{{ $value | humanizePercentage }}}} of {verb} requests failed (5xx) within "
        f"{rate.long}; {1 - objective.available:.1%} are allowed over 30 days, and they are "
        f"being used up more than {rate.factor:g} times too fast. Refused requests (4xx) do not "
        "count.",
        labels={"verb": verb, "window": rate.long},
    )


def _slow(verb: str, objective: Objective, rate: BurnRate, fewest: int) -> Alert:
    def answered(series: str) -> str:
        return f"sum by ({VERB}) (increase({REQUEST_SECONDS.name}_{series}[{rate.long}]))"

    every = answered(f'count{{verb="{verb}"}}')
    fast = answered(f'bucket{{verb="{verb}", le="{objective.edge}"}}')
    return Alert(
        "LesionLensLatencyBudgetBurn",
        _burning(
            "lesionlens:requests_slow_ratio",
            verb,
            rate,
            objective.fast,
            f"{every} - {fast} >= {fewest}",
        ),
        rate.severity,
        f"{{{{ $labels.service }}}}: too many {verb} requests are slow",
        f"{{{{ $value | humanizePercentage }}}} of {verb} requests took longer than "
        f"{objective.seconds:g} s within {rate.long}; {1 - objective.fast:.1%} are allowed over "
        f"30 days, and they are being used up more than {rate.factor:g} times too fast.",
        labels={"verb": verb, "window": rate.long},
    )


def _burning(ratio: str, verb: str, rate: BurnRate, good: float, enough: str) -> str:
    limit = f"{rate.factor:g} * {1 - good:g}"
    return "\n".join(
        (
            f'{ratio}:rate{rate.long}{{verb="{verb}"}} > {limit}',
            "  and",
            f'{ratio}:rate{rate.short}{{verb="{verb}"}} > {limit}',
            "  and",
            f"({enough})",
        )
    )

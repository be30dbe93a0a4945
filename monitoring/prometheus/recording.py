"""All recording rules."""

from __future__ import annotations

from handlers.telemetry import PREDICTIONS, PROBABILITY, REQUEST_SECONDS, REQUESTS
from monitoring.prometheus import drift_rules, measured_rules, performance_rules
from monitoring.prometheus.drift_rules import MODEL, WINDOWS
from monitoring.prometheus.objectives import Objectives
from monitoring.prometheus.rule import Group, Recording
from monitoring.threshold_file import Thresholds

VERB = "namespace, service, verb"
"""Labels that separate objectives: an objective holds for a verb, whatever the model version."""


def groups(objectives: Objectives, thresholds: Thresholds) -> tuple[Group, ...]:
    """Groups of rules in the order in which they read one another."""
    return (
        *drift_rules.groups(thresholds),
        *(Group(f"lesionlens-answers-{window}", _answers(window)) for window in WINDOWS),
        *performance_rules.groups(),
        *measured_rules.groups(),
        Group(
            "lesionlens-requests",
            tuple(
                rule
                for window in objectives.windows
                for rule in (_failed(window), *_slow(window, objectives))
            ),
        ),
    )


def _answers(window: str) -> tuple[Recording, ...]:
    """Record predictions, one series per model version; no series without predictions."""
    photographs = f"lesionlens:predictions:{window}"

    def share(matching: str) -> str:
        part = f"sum by ({MODEL}) (increase({PREDICTIONS.name}{{{matching}}}[{window}]))"
        return f"{part}\n  /\n({photographs} > 0)"

    def total(suffix: str) -> str:
        return f"sum by ({MODEL}) (increase({PROBABILITY.name}_{suffix}[{window}]))"

    return (
        Recording(photographs, f"sum by ({MODEL}) (increase({PREDICTIONS.name}[{window}]))"),
        Recording(f"lesionlens:cancer_ratio:{window}", share('label="cancer"')),
        Recording(f"lesionlens:review_ratio:{window}", share('review="true"')),
        Recording(
            f"lesionlens:probability_mean:{window}",
            f"{total('sum')}\n  /\n({total('count')} > 0)",
        ),
    )


def _failed(window: str) -> Recording:
    failed = f'sum by ({VERB}) (rate({REQUESTS.name}{{outcome="failed"}}[{window}]))'
    every = f"sum by ({VERB}) (rate({REQUESTS.name}[{window}]))"
    return Recording(
        f"lesionlens:requests_error_ratio:rate{window}", f"{failed}\n  /\n({every} > 0)"
    )


def _slow(window: str, objectives: Objectives) -> tuple[Recording, ...]:
    # One rule per verb, because each verb has a different bucket edge.
    def rate(series: str) -> str:
        return f"sum by ({VERB}) (rate({REQUEST_SECONDS.name}_{series}[{window}]))"

    def slow(verb: str, edge: str) -> str:
        fast = rate(f'bucket{{verb="{verb}", le="{edge}"}}')
        every = rate(f'count{{verb="{verb}"}}')
        return f"1 -\n{fast}\n  /\n({every} > 0)"

    return tuple(
        Recording(
            f"lesionlens:requests_slow_ratio:rate{window}",
            slow(verb, objective.edge),
            labels={"verb": verb},
        )
        for verb, objective in objectives.objectives.items()
    )

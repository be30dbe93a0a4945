"""All alerts."""

from __future__ import annotations

from monitoring.prometheus import answer_alerts, burn_alerts, server_alerts
from monitoring.prometheus.objectives import Objectives
from monitoring.prometheus.rule import Alert, Group
from monitoring.threshold_file import Thresholds


def groups(objectives: Objectives, thresholds: Thresholds, service: str) -> tuple[Group, ...]:
    """Groups of alerts: requests, predictions, server; ``service`` is the label of our targets."""
    return (
        *burn_alerts.groups(objectives),
        *answer_alerts.groups(objectives.answers, thresholds),
        *server_alerts.groups(objectives.server, service),
    )


def names(groups: tuple[Group, ...]) -> tuple[str, ...]:
    """Names of the alerts, each once, in order: an alert may have several rules."""
    rules = (rule for group in groups for rule in group.rules)
    return tuple(dict.fromkeys(rule.name for rule in rules if isinstance(rule, Alert)))

"""Locust's shape: the stages of a load test, and the pace and mix of its users.

``locust -f loadtests/stages.py``; with ``users.py`` instead, users send requests without a pause.
"""

from __future__ import annotations

import random

from locust import LoadTestShape

from loadtests.objectives import Plan
from loadtests.settings import LoadSettings
from loadtests.users import ExplainUser, PredictUser

_settings = LoadSettings()
_plan = Plan.read(_settings.load_objectives)


def _pace(self: object) -> float:
    """Return half to one and a half times the mean, so that users do not synchronise."""
    return random.uniform(0.5, 1.5) * _plan.think_seconds  # noqa: S311


# Not in a loop: Locust would take its variable for another user class.
PredictUser.weight = _plan.mix.get("predict", 0)
ExplainUser.weight = _plan.mix.get("explain", 0)
PredictUser.wait_time = ExplainUser.wait_time = _pace


class Stages(LoadTestShape):
    """Users of each stage, who all start within a second."""

    shape = _plan.shapes[_settings.load_shape]

    def tick(self) -> tuple[int, float] | None:
        """Return users and how many may start a second; None ends the test."""
        left = self.get_run_time()
        for stage in self.shape.stages:
            if left < stage.seconds:
                return stage.users, float(stage.users)
            left -= stage.seconds
        return None

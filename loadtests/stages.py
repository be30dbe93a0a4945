"""Locust's shape: the stages of a load test, and the pace and mix of its users.

``locust -f loadtests/users.py,loadtests/stages.py``; without it, users ask as fast as they can.
"""

from __future__ import annotations

import random

from locust import LoadTestShape

from loadtests.objectives import Plan
from loadtests.settings import LoadSettings
from loadtests.users import ExplainUser, PredictUser

_settings = LoadSettings()
_plan = Plan.read(_settings.load_objectives)

for _user in (PredictUser, ExplainUser):
    _user.weight = _plan.mix.get(_user.verb, 0)  # type: ignore[call-overload]
    # Half to one and a half times the mean, so that users do not march in step.
    _user.wait_time = lambda self: random.uniform(0.5, 1.5) * _plan.think_seconds  # noqa: S311


class Stages(LoadTestShape):
    """The users of each stage, all of whom come within a second."""

    shape = _plan.shapes[_settings.load_shape]

    def tick(self) -> tuple[int, float] | None:
        """Users and how many may come a second; None ends the test."""
        left = self.get_run_time()
        for stage in self.shape.stages:
            if left < stage.seconds:
                return stage.users, float(stage.users)
            left -= stage.seconds
        return None

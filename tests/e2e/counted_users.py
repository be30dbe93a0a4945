"""The users of the load test, who end it after a number of requests."""

from __future__ import annotations

from typing import Any, Final

import gevent
from locust import events
from locust.env import Environment

from loadtests.users import ExplainUser, PredictUser

__all__ = ["ExplainUser", "PredictUser"]
REQUESTS: Final = 40


@events.init.add_listener
def _end_after_requests(environment: Environment, **_: Any) -> None:
    def count(**_: Any) -> None:
        if environment.stats.total.num_requests == REQUESTS:
            # Not from the user's own thread, for which it waits.
            gevent.spawn(environment.runner.quit)

    environment.events.request.add_listener(count)

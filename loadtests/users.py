"""Locust's users: one requests predictions, one explanations.

``locust -f loadtests/users.py --host http://127.0.0.1:8080``
"""

from __future__ import annotations

from itertools import cycle

from locust import FastHttpUser, task

from loadtests.objectives import FAILED
from loadtests.photographs import bodies
from loadtests.settings import LoadSettings, key_headers


class _User(FastHttpUser):
    abstract = True
    verb = ""

    def on_start(self) -> None:
        """Read the photographs once per user."""
        self._bodies = cycle(bodies(LoadSettings()))

    @task
    def ask(self) -> None:
        """Send one photograph; an answer without a result is a failure too."""
        path = f"/v1/models/melanoma:{self.verb}"
        with self.client.post(
            path,
            json=next(self._bodies),
            headers=key_headers(),
            name=self.verb,
            catch_response=True,
        ) as answer:
            expected = {"predict": "predictions", "explain": "explanations"}[self.verb]
            wrong = ""
            if answer.status_code != 200:
                wrong = f"status {answer.status_code}"
            elif expected not in answer.json():
                wrong = f"no {expected} in the answer"
            if wrong:
                # Separate: a rejection takes a millisecond and must not lower the
                # percentiles.
                answer.request_meta["name"] = self.verb + FAILED
                answer.failure(wrong)


class PredictUser(_User):
    """Requests predictions one after the other, without a pause."""

    verb = "predict"


class ExplainUser(_User):
    """Requests explanations one after the other, without a pause."""

    verb = "explain"

"""Locust's users: one asks for predictions, one for explanations.

``locust -f loadtests/users.py --host http://127.0.0.1:8080``
"""

from __future__ import annotations

import base64
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from locust import FastHttpUser, task

from loadtests.settings import LoadSettings

SUFFIXES: Final = {".jpg", ".jpeg", ".png", ".webp"}


def bodies(settings: LoadSettings) -> list[dict[str, object]]:
    """V1 bodies of one photograph each, in the order of the files' paths.

    Raises:
        FileNotFoundError: the folder holds no photograph.
    """
    # Those of the test where the folder has the Kaggle layout: users send what is new.
    folder = settings.data / "test" if (settings.data / "test").is_dir() else settings.data
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise FileNotFoundError(
            f"no photograph in {folder}: set LESIONLENS_DATA to a folder of photographs, or run "
            "`make data`"
        )
    step = max(1, len(paths) // settings.load_photographs)  # some of each class
    return [_body(path) for path in islice(paths[::step], settings.load_photographs)]


def _body(path: Path) -> dict[str, object]:
    return {"instances": [{"data": base64.b64encode(path.read_bytes()).decode("ascii")}]}


class _User(FastHttpUser):
    abstract = True
    verb = ""

    def on_start(self) -> None:
        """Read the photographs once a user."""
        self._bodies = cycle(bodies(LoadSettings()))

    @task
    def ask(self) -> None:
        """One photograph; an answer without a result is a failure too."""
        path = f"/v1/models/melanoma:{self.verb}"
        with self.client.post(
            path, json=next(self._bodies), name=self.verb, catch_response=True
        ) as answer:
            expected = {"predict": "predictions", "explain": "explanations"}[self.verb]
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}")
            elif expected not in answer.json():
                answer.failure(f"no {expected} in the answer")


class PredictUser(_User):
    """Asks for a prediction, and for the next as soon as it is there."""

    verb = "predict"


class ExplainUser(_User):
    """Asks for an explanation, and for the next as soon as it is there."""

    verb = "explain"

"""Settings of the load tests, from ``LESIONLENS_*`` variables, and the API key that they send."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from pydantic import Field

from loadtests.objectives import FILE
from serving.front.client_key import authorization
from serving.paths import PathSettings


class LoadSettings(PathSettings):
    """Settings of the users and their requests."""

    load_photographs: int = Field(default=100, ge=1)
    """Number of different photographs that are sent, in turn."""

    load_objectives: Path = FILE
    """File of stages, mix and objectives, such as ``loadtests/objectives.yaml``."""

    load_shape: str = "steady"
    """Name of a shape in that file."""


@cache
def key_headers() -> dict[str, str]:
    """Return the headers of every request; read once, so that it costs no time per request.

    Raises:
        ValueError: the file holds no key.
    """
    return authorization(os.environ)

"""Settings of the load tests, from ``LESIONLENS_*`` variables, and the API key that they send."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from loadtests.objectives import FILE
from serving.front.client_key import authorization


class LoadSettings(BaseSettings):
    """Settings of the users and their requests."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    data: Path | None = None
    """Folder of photographs; unset, the synthetic lesions that ``make data`` draws."""

    cache: Path = Path("build/cache")
    """Folder in which they are drawn."""

    key_file: Path | None = None
    """File of the API key that is sent; ``make key`` makes it."""

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

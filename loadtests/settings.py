"""Settings of the load tests, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from loadtests.objectives import FILE
from serving.paths import PathSettings


class LoadSettings(PathSettings):
    """Settings of the users and their requests."""

    load_photographs: int = Field(default=100, ge=1)
    """Number of different photographs that are sent, in turn."""

    load_objectives: Path = FILE
    """File of stages, mix and objectives, such as ``loadtests/objectives.yaml``."""

    load_shape: str = "steady"
    """Name of a shape in that file."""

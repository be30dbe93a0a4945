"""Settings of the load tests, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from loadtests.objectives import FILE


class LoadSettings(BaseSettings):
    """What the users send, and how."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    data: Path | None = None
    """Folder of photographs; unset, the lesions that ``make data`` draws where it finds none."""

    cache: Path = Path("build/cache")
    """Where they are drawn."""

    key_file: Path | None = None
    """File of the key that is sent; ``make key`` makes it."""

    load_photographs: int = Field(default=100, ge=1)
    """How many different photographs are sent, in turn."""

    load_objectives: Path = FILE
    """Stages, mix and objectives, as in ``loadtests/objectives.yaml``."""

    load_shape: str = "steady"
    """Name of a shape in that file."""

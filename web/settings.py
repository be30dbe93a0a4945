"""Where the page listens and whom it asks, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

ADDRESS: Final = r"^https?://[^\s/]+"


class PageSettings(BaseSettings):
    """Of one upload page."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    predictor_url: Annotated[str, Field(pattern=ADDRESS)] = "http://127.0.0.1:8080"
    """Answers ``:predict``; the part before ``/v1``."""

    explainer_url: Annotated[str, Field(pattern=rf"{ADDRESS}|^$")] = ""
    """Answers ``:explain``; empty, the predictor does."""

    page_host: str = "127.0.0.1"
    """Address of the page itself."""

    page_port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """Port of the page itself."""

    page_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Until the service must have answered, in seconds."""

    page_patience: Annotated[float, Field(ge=0)] = 8.0
    """Of these seconds, how many a busy service is waited for before the person is asked to come
    again."""

    page_max_bytes: Annotated[int, Field(gt=0)] = 15_000_000
    """Of a file."""

    page_max_pixels: Annotated[int, Field(gt=0)] = 25_000_000
    """Width times height of a photograph; the service's own limit."""

    page_uploads: Annotated[int, Field(ge=1)] = 64
    """Uploads at a time; with 15 MB each they fit the page's ``/tmp`` on Kubernetes. Others are
    asked to come again."""

    page_at_once: Annotated[int, Field(ge=1)] = 4
    """Photographs at a time that are decoded and asked about, and as many explanations; others
    wait."""

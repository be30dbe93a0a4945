"""How images are built, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict


class ImageSettings(BaseSettings):
    """Of a build; unset, the Dockerfile's own defaults hold."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_IMAGE_", extra="ignore", frozen=True)

    builder: Literal["docker", "podman", "buildah", ""] = ""
    """Unset, the first of the three that is on the PATH and answers."""

    base: str = ""
    """Base image with Python 3.11; ``debian`` makes one of Debian packages, without a registry."""

    torch: str = ""
    """What pip is asked for, such as ``torch==2.14.1+cpu``; ``auto`` takes the smallest build that
    this machine's package indexes offer."""

    heif: bool = False
    """Whether HEIC and AVIF are read, by pillow-heif of ``requirements-heif.txt``. Its wheel holds
    x265, which is under the GPL."""

    prefix: str = ""
    """Before the image's name: a registry and its path; unset, the name that the manifests use."""

    storage: Path | None = None
    """Where podman and buildah keep images; unset, where they always do."""

    push_options: str = ""
    """More options of the builder's ``push``, such as ``--tls-verify=false``."""

    def program(self, builder: str) -> list[str]:
        """The command of a builder, with its storage where one is named."""
        if self.storage is None or builder == "docker":
            return [builder]
        storage = self.storage.resolve()
        return [builder, "--root", str(storage / "storage"), "--runroot", str(storage / "run")]

"""Settings of image builds, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict


class ImageSettings(BaseSettings):
    """Settings of a build; without them, the Dockerfile's defaults hold."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_IMAGE_", extra="ignore", frozen=True)

    builder: Literal["docker", "podman", "buildah", ""] = ""
    """Builder; unset, the first of the three that is on the PATH and works."""

    base: str = ""
    """Base image with Python 3.11; ``debian`` makes one of Debian packages, without a registry."""

    torch: str = ""
    """Requirement of torch for pip, such as ``torch==2.14.1+cpu``; ``auto`` chooses the smallest
    build that this machine's package indexes offer."""

    heif: bool = False
    """Whether HEIC and AVIF are read, with pillow-heif of ``requirements-heif.txt``. Its wheel
    contains x265, which is under the GPL."""

    dicom: bool = False
    """Whether the servers and the training read DICOM objects, with pydicom of
    ``requirements-dicom.txt``."""

    ray: bool = False
    """Whether the training image can score with Ray, of ``requirements-ray.txt``; 240 MB."""

    prefix: str = ""
    """Prefix of the image's name: a registry and its path; unset, the name that the manifests
    use."""

    storage: Path | None = None
    """Image storage of podman and buildah; unset, their default."""

    push_options: str = ""
    """Further options of the builder's ``push``, such as ``--tls-verify=false``."""

    def program(self, builder: str) -> list[str]:
        """Return the command of a builder, with its storage if one is set."""
        if self.storage is None or builder == "docker":
            return [builder]
        storage = self.storage.resolve()
        return [builder, "--root", str(storage / "storage"), "--runroot", str(storage / "run")]

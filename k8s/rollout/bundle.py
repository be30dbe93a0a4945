"""A release: configuration, archive and signature in one folder, named by the archive's digest."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from io import BufferedReader
from pathlib import Path
from typing import Final

from k8s.rollout.errors import RolloutError
from k8s.rollout.settings import RolloutSettings

ARCHIVE: Final = "melanoma.mar"
CONFIG: Final = ("config.properties", "log4j2.xml", "metrics.yaml")
SIGNATURE: Final = "model.sig"


def digest_of(archive: Path) -> str:
    """``sha256:`` and 64 hex digits.

    Raises:
        RolloutError: there is no archive.
    """
    if not archive.is_file() or not zipfile.is_zipfile(archive):
        raise RolloutError(f"{archive} is no model archive: build it with `make archive`")
    with archive.open("rb") as file:
        return hash_of(file)


def hash_of(file: BufferedReader) -> str:
    """SHA-256 of any open file, written the same way."""
    return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def name_of(digest: str) -> str:
    """The release's folder: a digest without the colon, which paths and tags may not have."""
    return digest.replace(":", "-")


def make(settings: RolloutSettings, folder: Path) -> str:
    """Lay a release out as KServe mounts it, signed where there is a key; its digest.

    Args:
        settings: name archive, configuration and key.
        folder: to write to; it must not be there yet.

    Raises:
        RolloutError: something is missing, or the key cannot sign.
    """
    archive = settings.archive / ARCHIVE
    digest = digest_of(archive)
    (folder / "config").mkdir(parents=True)
    (folder / "model-store").mkdir()
    for name in CONFIG:
        if not (settings.config / name).is_file():
            raise RolloutError(f"{settings.config / name} is missing: set LESIONLENS_CONFIG")
        shutil.copyfile(settings.config / name, folder / "config" / name)
    shutil.copyfile(archive, folder / "model-store" / ARCHIVE)
    if digest_of(folder / "model-store" / ARCHIVE) != digest:
        raise RolloutError(f"{archive} changed while it was copied: publish again")
    if settings.signing_private_key is not None:
        _sign(folder, settings.signing_private_key)
    return digest


def _sign(folder: Path, key: Path) -> None:
    """Sign the folder as OpenSSF model-signing does; ``model.sig`` is left in it."""
    from model_signing import signing  # a second to import, and only needed here

    if not key.is_file():
        raise RolloutError(f"LESIONLENS_SIGNING_PRIVATE_KEY={key}: there is no such file")
    try:
        config = signing.Config().use_elliptic_key_signer(private_key=key)
        config.sign(folder, folder / SIGNATURE)
    except ValueError as error:  # not a key, or one of another kind
        raise RolloutError(f"{key} cannot sign: {error}") from None

"""Make a release: configuration, archive and signature in a folder named by their digest."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

from k8s.rollout.errors import RolloutError
from k8s.rollout.settings import RolloutSettings
from serving import release


def name_of(digest: str) -> str:
    """Return the release's folder name: its digest without the colon."""
    return digest.replace(":", "-")


def make(settings: RolloutSettings, folder: Path) -> str:
    """Write a release as KServe mounts it, signed if there is a key; returns its digest.

    Args:
        settings: name archive, configuration and key.
        folder: to write to; it must not be there yet.

    Raises:
        RolloutError: something is missing or not allowed in a release, or the key cannot sign.
    """
    sources = {name: settings.config / Path(name).name for name in release.CONFIG}
    archive = sources[release.ARCHIVE] = settings.archive / Path(release.ARCHIVE).name
    if not zipfile.is_zipfile(archive):
        raise RolloutError(f"{archive} is not a model archive: build it with `make archive`")
    before = _file_digest(archive)
    for name, source in sources.items():
        if not source.is_file():
            raise RolloutError(f"{source} is missing: set LESIONLENS_CONFIG")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / name)
    if _file_digest(folder / release.ARCHIVE) != before:
        raise RolloutError(f"{archive} changed while it was copied: publish again")
    try:
        release.java_options(folder / "config/config.properties")
    except release.ConfigurationError as error:
        raise RolloutError(f"{settings.config}: {error}; no pod would run it") from None
    if settings.signing_private_key is not None:
        _sign(folder, settings.signing_private_key)
    return release.digest_of(folder)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sign(folder: Path, key: Path) -> None:
    """Sign the folder with OpenSSF model-signing, which writes ``model.sig`` into it."""
    from model_signing import signing  # imported late: it takes a second, and is only needed here

    if not key.is_file():
        raise RolloutError(f"LESIONLENS_SIGNING_PRIVATE_KEY={key}: there is no such file")
    try:
        config = signing.Config().use_elliptic_key_signer(private_key=key)
        config.sign(folder, folder / release.SIGNATURE)
    except ValueError as error:  # not a key, or one of another kind
        raise RolloutError(f"{key} cannot sign: {error}") from None

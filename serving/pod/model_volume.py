"""The mounted release: copied to a private folder and verified there."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serving import release
from serving.pod.errors import ExitCode, PodError
from serving.pod.settings import PodSettings

MODEL: Final = "melanoma"
PRIVATE: Final = "release"
"""Folder of the verified copy, in the scratch folder."""
POLL_SECONDS: Final = 0.2


@dataclass(frozen=True)
class LoadedRelease:
    """A verified release in a private folder."""

    folder: Path
    """Private copy with ``config/`` and ``model-store/``; the mounted folder is not read again."""

    digest: str
    """``sha256:`` and 64 hex digits of the copied files."""

    signed: bool
    """Whether they are signed with the manifest's key."""


def wait(settings: PodSettings, asynchronous: bool, ended: threading.Event) -> None:
    """Wait for a model that is mounted after the start, as KServe's model car does.

    Args:
        settings: where it is mounted, and how long to wait.
        asynchronous: whether it is (``MODEL_INIT_MODE=async``); else it is there, or never will be.
        ended: set when there is nothing to wait for any more.
    """
    deadline = time.monotonic() + settings.model_seconds
    while asynchronous and not ended.is_set() and time.monotonic() < deadline:
        if (settings.models / release.ARCHIVE).is_file():
            return
        ended.wait(POLL_SECONDS)


def load(settings: PodSettings) -> LoadedRelease:
    """Copy the mounted release to the scratch folder and verify the copy, which is what runs.

    Raises:
        PodError: something is missing, another release than the one named, none named, not
            signed, or with a configuration that a release may not have.
    """
    folder = settings.models
    _demand_files(folder)
    if not settings.digest and not settings.dangerously_run_unverified_model:
        raise PodError(
            ExitCode.DIGEST,
            "LESIONLENS_DIGEST is empty, so any model would run: name the release's digest in "
            "release.yaml, as `make publish` writes it",
        )
    copy = settings.scratch / PRIVATE
    try:
        digest = release.copy_verified(folder, copy, settings.digest or None)
        if settings.signing_key:
            _demand_signature(folder, copy, Path(settings.signing_key))
        release.java_options(copy / "config/config.properties")
    except release.DigestMismatchError as error:
        raise PodError(
            ExitCode.DIGEST,
            f"{folder} is {error.actual}, but the release names {error.expected}: publish again, "
            "or fix release.yaml",
        ) from None
    except release.ConfigurationError as error:
        raise PodError(ExitCode.CONFIGURATION, f"{folder}: {error}") from None
    except release.UnreadableReleaseError as error:
        raise PodError(
            ExitCode.VOLUME,
            f"{error}: the pod runs as user and group 1000 and copies the release to "
            f"{settings.scratch}; check who may read the volume, and the emptyDir's sizeLimit",
        ) from None
    if not zipfile.is_zipfile(copy / release.ARCHIVE):
        raise PodError(
            ExitCode.VOLUME, f"{folder / release.ARCHIVE} is not a model archive: publish again"
        )
    return LoadedRelease(copy, digest, bool(settings.signing_key))


def _demand_files(folder: Path) -> None:
    """Report missing files before anything is copied."""
    try:
        if not folder.is_dir():
            raise PodError(
                ExitCode.VOLUME,
                f"no model volume at {folder}: storageUri (STORAGE_URI for an explainer) must name "
                "a folder that `make publish` wrote",
            )
        missing = [name for name in release.FILES if not (folder / name).is_file()]
    except OSError as error:
        raise PodError(
            ExitCode.VOLUME,
            f"{folder} cannot be read ({error.strerror}): the pod runs as user and group 1000; "
            "check who may read the volume",
        ) from None
    if missing:
        raise PodError(
            ExitCode.VOLUME,
            f"{folder} lacks {', '.join(missing)}: storageUri must name the release's folder, as "
            "`make publish` prints it",
        )


def _demand_signature(folder: Path, copy: Path, key: Path) -> None:
    """Verify the OpenSSF model signature of the copy.

    In a separate process: the package and its dependencies take a tenth of a gigabyte, which this
    process would keep. Other files on the volume are not copied, so they are never loaded.
    """
    signature = copy / release.SIGNATURE
    if not signature.is_file():
        raise PodError(
            ExitCode.SIGNATURE,
            f"{folder} is not signed ({release.SIGNATURE} is missing): publish it with "
            "LESIONLENS_SIGNING_PRIVATE_KEY set",
        )
    if not key.is_file():
        raise PodError(
            ExitCode.SIGNATURE,
            f"the public key {key} is missing: create the ConfigMap melanoma-signing-key, "
            "or leave the component `signature` out",
        )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "model_signing", "verify", "key"),
            *("--signature", str(signature), "--public_key", str(key)),
            str(copy.resolve()),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        words = (done.stdout + done.stderr).strip().splitlines() or ["it said nothing"]
        raise PodError(
            ExitCode.SIGNATURE,
            f"{folder / release.SIGNATURE} does not match {folder} and {key}: {words[-1]}",
        )

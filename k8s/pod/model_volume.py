"""The model as it is mounted: all there, the archive that was released, and signed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Final

from k8s.pod.errors import ExitCode, PodError
from k8s.pod.settings import PodSettings

MODEL: Final = "melanoma"
ARCHIVE: Final = Path("model-store") / f"{MODEL}.mar"
FILES: Final = (
    ARCHIVE,
    Path("config/config.properties"),
    Path("config/log4j2.xml"),
    Path("config/metrics.yaml"),
)
"""What the folder must hold, as ``make publish`` writes it."""
SIGNATURE: Final = "model.sig"
POLL_SECONDS: Final = 0.2


def wait(settings: PodSettings, asynchronous: bool, ended: threading.Event) -> None:
    """Wait for a model that is mounted while the pod runs, as KServe's model car does it.

    Args:
        settings: where it is mounted, and how long to wait.
        asynchronous: whether it is (``MODEL_INIT_MODE=async``); else it is there, or never will be.
        ended: set when there is nothing to wait for any more.
    """
    deadline = time.monotonic() + settings.model_seconds
    while asynchronous and not ended.is_set() and time.monotonic() < deadline:
        if (settings.models / ARCHIVE).is_file():
            return
        ended.wait(POLL_SECONDS)


def check(settings: PodSettings) -> str:
    """Check the volume; the archive's digest.

    Raises:
        PodError: something is missing, another archive than the one released, or not signed.
    """
    folder = settings.models
    if not folder.is_dir():
        raise PodError(
            ExitCode.VOLUME,
            f"no model volume at {folder}: storageUri (STORAGE_URI for an explainer) must name a "
            "folder that `make publish` wrote",
        )
    try:
        missing = [str(name) for name in FILES if not (folder / name).is_file()]
    except OSError as error:
        raise _unreadable(folder, error) from None
    if missing:
        raise PodError(
            ExitCode.VOLUME,
            f"{folder} lacks {', '.join(missing)}: storageUri must name the release's folder, as "
            "`make publish` prints it",
        )
    digest = _digest(folder / ARCHIVE)
    if settings.digest and digest != settings.digest:
        raise PodError(
            ExitCode.DIGEST,
            f"{folder / ARCHIVE} is {digest}, but the release names {settings.digest}: publish "
            "again, or mend release.yaml",
        )
    if settings.signing_key:
        _demand_signature(folder, Path(settings.signing_key))
    if not zipfile.is_zipfile(folder / ARCHIVE):
        raise PodError(ExitCode.VOLUME, f"{folder / ARCHIVE} is not a model archive: publish again")
    return digest


def _digest(archive: Path) -> str:
    """``sha256:`` and the archive's digest."""
    try:
        with archive.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise _unreadable(archive, error) from None


def _unreadable(path: Path, error: OSError) -> PodError:
    return PodError(
        ExitCode.VOLUME,
        f"{path} cannot be read ({error.strerror}): the pod runs as user and group 1000; check who "
        "may read the volume",
    )


def _demand_signature(folder: Path, key: Path) -> None:
    """Verify the folder's OpenSSF model signature.

    In a process of its own: the package and its dependencies take a tenth of a gigabyte, which
    this process would keep. What is not signed is not loaded either, so it may lie there: a
    volume has a lost+found, a bucket its markers.
    """
    signature = folder / SIGNATURE
    if not signature.is_file():
        raise PodError(
            ExitCode.SIGNATURE,
            f"{folder} is not signed ({SIGNATURE} is missing): publish it with "
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
            *("--ignore_unsigned_files", str(folder.resolve())),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        words = (done.stdout + done.stderr).strip().splitlines() or ["it said nothing"]
        raise PodError(
            ExitCode.SIGNATURE, f"{signature} does not hold for {folder} and {key}: {words[-1]}"
        )

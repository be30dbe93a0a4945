"""A release: its files and digest, a verified private copy, and the allowed configuration.

Standard library only: the serving image has this file and little else of the repository.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

CONFIG: Final = ("config/config.properties", "config/log4j2.xml", "config/metrics.yaml")
ARCHIVE: Final = "model-store/melanoma.mar"
FILES: Final = (*CONFIG, ARCHIVE)
"""All files that decide what a server runs, sorted by path."""
SIGNATURE: Final = "model.sig"
"""OpenSSF model signature of the files, if the release is signed; not part of the digest."""
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
MAX_SMALL_BYTES: Final = 1_000_000
"""Maximum bytes of a file other than the archive, so that a volume cannot fill the scratch
folder."""

JAVA_OPTIONS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"-X(mx|ms|mn|ss)[0-9]{1,12}[kKmMgG]?",
        r"-XX:(MaxDirectMemorySize|MaxMetaspaceSize|ReservedCodeCacheSize)=[0-9]{1,12}[kKmMgG]?",
        r"-XX:(Initial|Min|Max)RAMPercentage=[0-9]{1,3}(\.[0-9]{1,3})?",
        r"-XX:[+-]Use(Serial|Parallel|G1|Z|Shenandoah)GC",
        r"-XX:(TieredStopAtLevel|ActiveProcessorCount|MaxGCPauseMillis)=[0-9]{1,5}",
        r"-XX:(ParallelGCThreads|ConcGCThreads|CICompilerCount)=[0-9]{1,3}",
        r"-XX:[+-](TieredCompilation|UseContainerSupport|UseStringDeduplication|AlwaysPreTouch)",
        r"-XX:\+ExitOnOutOfMemoryError",
    )
)
"""Memory, collector, compiler: options that start no program and read no file."""

_SWITCH: Final = "true|false"
_COUNT: Final = "[0-9]{1,10}"
_LOOPBACK: Final = r"127\.0\.0\.1"
_ADDRESS: Final = rf"http://{_LOOPBACK}:[0-9]{{1,5}}"
_OPTIONS: Final = r"\S+( \S+)*"

REQUIRED: Final[Mapping[str, str]] = {
    "enable_envvars_config": "true",  # a pod sets addresses and ports with TS_* variables
    "load_models": "melanoma.mar",
    "enable_model_api": "false",
    "allowed_urls": "file:///nowhere",
    "install_py_dep_per_model": "false",
}
"""Properties that every release must have, with their only allowed value."""

PROPERTIES: Final[Mapping[str, str]] = {
    **{name: re.escape(value) for name, value in REQUIRED.items()},
    **dict.fromkeys(("inference_address", "management_address", "metrics_address"), _ADDRESS),
    **dict.fromkeys(("grpc_inference_address", "grpc_management_address"), _LOOPBACK),
    **dict.fromkeys(("grpc_inference_port", "grpc_management_port"), "[0-9]{1,5}"),
    **dict.fromkeys(
        (
            *("async_logging", "decode_input_request", "disable_system_metrics"),
            *("disable_token_authorization", "enable_metrics_api", "model_metrics_auto_detect"),
            *("prefer_direct_buffer", "use_native_io"),
        ),
        _SWITCH,
    ),
    **dict.fromkeys(
        (
            *("default_response_timeout", "default_startup_timeout", "default_workers_per_model"),
            *("grpc_inference_max_connection_age_ms", "grpc_inference_max_connection_age_grace_ms"),
            *("initial_worker_port", "io_ratio", "job_queue_size", "limit_max_image_pixels"),
            *("max_request_size", "max_response_size", "metric_time_interval"),
            *("netty_client_threads", "number_of_gpu", "number_of_netty_threads"),
            "unregister_model_timeout",
        ),
        _COUNT,
    ),
    "metrics_mode": "prometheus|log|legacy",
    "metrics_config": "/mnt/models/config/metrics.yaml",
    "vmargs": _OPTIONS,  # each option is checked separately
}
"""Properties of ``config.properties`` that a release may have, and their allowed values.

Refused is everything that loads code, models or keys from elsewhere, runs a command or opens an
address: ``plugins_path``, ``model_snapshot``, ``models``, ``model_store``, ``workflow_store``,
``default_service_handler``, ``service_envelope``, ``system_metrics_cmd``, ``cpu_launcher_args``,
``blacklist_env_vars``, ``use_env_allowed_urls``, ``keystore``, ``cors_*`` and every unknown
property.
"""

# Java takes ":" and blanks for "=", "!" for "#", joins lines that end in a backslash, decodes
# \uXXXX and ISO 8859-1, and keeps blanks at the end; Python's readers of such files do not. Of
# the syntax only what all of them read alike is left: printable ASCII, "key=value", "#" first.
_COMMENT: Final = re.compile(r"#[ -\[\]-~]*")
_PROPERTY: Final = re.compile(r"([a-z][a-z0-9_]*)=([!-\[\]-~]+(?: +[!-\[\]-~]+)*)")


class ReleaseError(Exception):
    """The release must not run; the message says why."""


class UnreadableReleaseError(ReleaseError):
    """A file of the release is missing, cannot be read or copied, or is not a regular file."""


class DigestMismatchError(ReleaseError):
    """The files do not match the expected digest."""

    def __init__(self, actual: str, expected: str) -> None:
        """Keep both digests."""
        super().__init__(f"the files are {actual}, not {expected}")
        self.actual, self.expected = actual, expected


class ConfigurationError(ReleaseError):
    """``config.properties`` has a property or an option that a release may not have."""


def digest_of(folder: Path) -> str:
    """Return ``sha256:`` and 64 hex digits over all files of a release.

    The digest is taken over the lines that ``sha256sum`` prints for :data:`FILES`, in their order,
    so that ``sha256sum config/config.properties ... | sha256sum`` in the folder computes it.

    Raises:
        UnreadableReleaseError: a file is missing or cannot be read.
    """
    return combined_digest({name: _file_digest(folder / name) for name in FILES})


def combined_digest(digests: Mapping[str, str]) -> str:
    """The digest of a release from those of its files.

    Args:
        digests: 64 hex digits of SHA-256 for each of :data:`FILES`, by path.

    Raises:
        ValueError: other files than a release has.
    """
    if set(digests) != set(FILES):
        raise ValueError(f"a release has {', '.join(FILES)}; given are {', '.join(digests)}")
    lines = "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def copy_verified(source: Path, target: Path, digest: str | None) -> str:
    """Copy a release to a private folder and verify the copy; returns its digest.

    The written bytes are hashed, so whatever happens to the source, then or later, cannot change
    what is loaded from the copy. Its signature, if it has one, is copied too.

    Args:
        source: the release as it is mounted.
        target: made with mode 0700; what an earlier start left there is removed.
        digest: that the copy must have, or None to accept any.

    Raises:
        UnreadableReleaseError: a file is missing, or cannot be read or copied.
        DigestMismatchError: the copy has another digest; it is removed.
    """
    _make_private(target)
    for name in (*FILES, SIGNATURE):
        if name == SIGNATURE and not (source / name).is_file():
            continue
        (target / name).parent.mkdir(mode=0o700, exist_ok=True)
        _copy(source / name, target / name, None if name == ARCHIVE else MAX_SMALL_BYTES)
    actual = digest_of(target)
    if digest is not None and actual != digest:
        shutil.rmtree(target)
        raise DigestMismatchError(actual, digest)
    return actual


def model_version(folder: Path) -> str:
    """Return the model version of a release; empty if its archive does not say.

    Args:
        folder: of the release, verified.
    """
    try:
        with zipfile.ZipFile(folder / ARCHIVE) as archive:
            return str(json.loads(archive.read("card.json"))["model_version"])
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        return ""  # its workers will say what is wrong with it


def java_options(properties: Path) -> list[str]:
    """Return the JVM options of a release's ``config.properties``, all of them allowed.

    Raises:
        ConfigurationError: a property or an option is not allowed, or could be read in two ways.
        UnreadableReleaseError: the file cannot be read.
    """
    options = read_properties(properties).get("vmargs", "").split()
    for option in options:
        if not any(allowed.fullmatch(option) for allowed in JAVA_OPTIONS):
            raise ConfigurationError(
                f"{properties.name}: vmargs has {option!r}, which a release may not ask for; "
                "allowed are sizes of memory, the collector and the compiler's level"
            )
    return options


def read_properties(path: Path) -> dict[str, str]:
    """Return the properties of a release, all of them allowed; see :data:`PROPERTIES`.

    Raises:
        ConfigurationError: a property is missing or not allowed, or a line could be read in two
            ways.
        UnreadableReleaseError: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableReleaseError(f"{path} cannot be read ({error.strerror})") from None
    found: dict[str, str] = {}
    # Not splitlines(), which recognises more line ends than Java does.
    for number, line in enumerate(data.decode("latin-1").split("\n"), 1):
        if not line or _COMMENT.fullmatch(line):
            continue
        if (match := _PROPERTY.fullmatch(line)) is None:
            raise ConfigurationError(
                f"{path.name} line {number} is not key=value in plain ASCII, without blanks around "
                "either and without a backslash; Java and Python could read it differently"
            )
        key, value = match.groups()
        if key in found:
            raise ConfigurationError(f"{path.name} line {number} repeats {key}")
        found[key] = value
        if key not in PROPERTIES:
            raise ConfigurationError(f"{path.name} has {key}, which a release may not have")
        if not re.fullmatch(PROPERTIES[key], value):
            raise ConfigurationError(f"{path.name} has {key}={value}, which is not allowed")
    if missing := sorted(set(REQUIRED) - set(found)):
        wanted = ", ".join(f"{key}={REQUIRED[key]}" for key in missing)
        raise ConfigurationError(f"{path.name} lacks {wanted}")
    return found


def _make_private(folder: Path) -> None:
    """Create an empty folder for this user only, never an existing one."""
    try:
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise UnreadableReleaseError(f"{folder} cannot be made ({error.strerror})") from None


def _copy(source: Path, target: Path, limit: int | None) -> None:
    """Copy one regular file of at most ``limit`` bytes, readable by this user alone."""
    try:
        # A pipe in a release must not block the start: without the flag, opening it waits.
        with open(os.open(source, os.O_RDONLY | os.O_NONBLOCK), "rb") as original:
            if not stat.S_ISREG(os.fstat(original.fileno()).st_mode):
                raise UnreadableReleaseError(f"{source} is not a file")
            mode = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with open(os.open(target, mode, 0o400), "wb") as copy:
                _transfer(original, copy, limit)
    except OSError as error:
        raise UnreadableReleaseError(f"{source} cannot be copied ({error.strerror})") from None


def _transfer(original: BinaryIO, copy: BinaryIO, limit: int | None) -> None:
    if limit is None:
        shutil.copyfileobj(original, copy, 1 << 20)
        return
    data = original.read(limit + 1)
    if len(data) > limit:
        raise UnreadableReleaseError(
            f"a file of the release other than the archive has more than {limit} bytes"
        )
    copy.write(data)


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableReleaseError(f"{path} cannot be read ({error.strerror})") from None

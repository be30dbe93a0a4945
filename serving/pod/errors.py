"""Errors of a pod: one line and one exit code each, as `kubectl describe pod` shows them."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the entry point; 0 is a drained end, codes from 125 are the runtime's."""

    SETTING = 10
    """A variable or an argument is invalid, or a file of keys or a certificate that one names
    cannot be used."""

    VOLUME = 11
    """The model volume, or a file in it, is missing or unreadable."""

    DIGEST = 12
    """The files do not match the digest in the manifest, or the manifest has no digest."""

    SIGNATURE = 13
    """The files are not signed, or not by the key in the manifest."""

    MEMORY = 14
    """The memory limit is too low, or a worker was killed for lack of memory."""

    PORT = 15
    """Another process listens on one of our ports."""

    SCRATCH = 16
    """There is no writable folder."""

    WORKER = 17
    """The worker cannot start: it dies before it answers, or is not ready in time."""

    FRONTEND = 18
    """TorchServe ended by itself."""

    CONFIGURATION = 19
    """``config.properties`` has a setting that a release may not have."""

    NOT_STARTED = 20
    """SIGTERM before a worker was ready: from the startup probe, or because the pod was deleted."""


class PodError(Exception):
    """The pod must not run or cannot continue; the message says why and how to fix it."""

    def __init__(self, code: ExitCode, message: str) -> None:
        """Keep both; a message has one line."""
        super().__init__(" ".join(message.split()))
        self.code = code

"""Why a pod does not run: one line and one exit code each, as `kubectl describe pod` shows them."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Of the entry point. 0 is a drained end; codes from 125 up are the runtime's."""

    SETTING = 10
    """A variable or an argument cannot be understood, or a file of keys or a certificate that one
    names will not do."""

    VOLUME = 11
    """The model volume, or a file in it, is missing or unreadable."""

    DIGEST = 12
    """The files are not those of the release that the manifest names, or it names none."""

    SIGNATURE = 13
    """The files are not signed, or not by the key that the manifest names."""

    MEMORY = 14
    """The memory limit is too low, or a worker was killed for want of memory."""

    PORT = 15
    """Something else listens on a port of ours."""

    SCRATCH = 16
    """There is no folder to write to."""

    WORKER = 17
    """The worker cannot start: it dies before it answers, or is not ready in time."""

    FRONTEND = 18
    """TorchServe ended by itself."""

    CONFIGURATION = 19
    """``config.properties`` asks for what a release may not have."""

    NOT_STARTED = 20
    """SIGTERM before a worker was ready: from the startup probe, or because the pod was deleted."""


class PodError(Exception):
    """The pod must not, or can no longer, run; the message says why and how to mend it."""

    def __init__(self, code: ExitCode, message: str) -> None:
        """Keep both; a message is one line."""
        super().__init__(" ".join(message.split()))
        self.code = code

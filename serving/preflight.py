"""Check settings before anything starts, so that an error names the setting to change."""

from __future__ import annotations

import os
import tempfile
import zipfile

from serving.front.sockets import PortError, check_ports
from serving.settings import ServingSettings
from serving.torchserve.process import MAX_SOCKET_FOLDER

_FOLDER = len("/lesionlens-xxxxxxxx")
"""Name of the private folder below the one for temporary files."""


class PreflightError(RuntimeError):
    """The server cannot start; the message says why and how to fix it."""


def check(settings: ServingSettings, redirect_port: int = 0) -> None:
    """Check archive, folders and ports.

    Args:
        settings: of the server.
        redirect_port: of the front; 0 for none.

    Raises:
        PreflightError: one of them will not do.
    """
    archive = settings.archive / "melanoma.mar"
    if not archive.is_file():
        raise PreflightError(f"{archive} is missing: build it with `make archive`")
    # TorchServe would accept any file as an archive and fail on it again and again.
    if not zipfile.is_zipfile(archive):
        raise PreflightError(f"{archive} is not a model archive: remove it and `make archive`")
    longest = MAX_SOCKET_FOLDER - _FOLDER
    if len(os.fsencode(tempfile.gettempdir())) > longest:
        raise PreflightError(
            f"TMPDIR={tempfile.gettempdir()} is too long for Unix sockets: set it to a folder "
            f"whose path has at most {longest} characters"
        )
    try:
        settings.logs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.logs):
            pass
    except OSError as error:
        raise PreflightError(
            f"cannot write to {settings.logs} ({error.strerror}): set LESIONLENS_LOGS to another "
            "folder"
        ) from None
    listening = {
        "LESIONLENS_INFERENCE_PORT": (settings.host, settings.inference_port),
        "LESIONLENS_METRICS_PORT": (settings.host, settings.metrics_port),
    }
    if settings.runtime == "kserve":
        listening["LESIONLENS_GRPC_INFERENCE_PORT"] = (settings.host, settings.grpc_inference_port)
    else:
        listening |= {
            "LESIONLENS_MANAGEMENT_PORT": ("127.0.0.1", settings.management_port),
            "LESIONLENS_GRPC_INFERENCE_PORT": ("127.0.0.1", settings.grpc_inference_port),
            "LESIONLENS_GRPC_MANAGEMENT_PORT": ("127.0.0.1", settings.grpc_management_port),
        }
    if redirect_port:
        listening["LESIONLENS_REDIRECT_PORT"] = (settings.host, redirect_port)
    try:
        check_ports(listening)
    except PortError as error:
        raise PreflightError(str(error)) from None

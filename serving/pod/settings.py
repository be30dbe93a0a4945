"""Settings of a pod: ``LESIONLENS_*`` variables and KServe's arguments.

A plain dataclass and not pydantic-settings: fewer packages make a smaller image.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from serving.front.environment import parsed, read, without_service_links
from serving.front.settings import ServerSettings
from serving.pod.errors import ExitCode, PodError


@dataclass(frozen=True)
class PodSettings(ServerSettings):
    """Settings of one pod, each from ``LESIONLENS_<FIELD>``, ports and paths included."""

    models: Path = Path("/mnt/models")
    """Folder in which KServe mounts ``config/``, ``model-store/`` and ``model.sig``."""

    scratch: Path = Path("/tmp")  # noqa: S108  the pod's own emptyDir
    """The only writable folder; TorchServe unpacks the archive there."""

    dangerously_run_unverified_model: bool = False
    """``true``: run any mounted model if no digest is set. Never use it with real data."""

    signing_key: str = ""
    """Path of the public key with which the release must be signed; unset, no signature is
    required."""

    health_port: int = 8090
    """Port of ``/started``, ``/ready`` and ``/alive`` for the kubelet's probes."""

    start_seconds: float = 600.0
    """Seconds until a worker must be ready; the startup probe gives up sooner."""

    drain_seconds: float = 10.0
    """Seconds for which requests are still accepted after SIGTERM: they arrive until the cluster
    has removed the pod's address from its Services."""

    model_seconds: float = 90.0
    """Seconds until a model must be mounted if KServe mounts it after the start (model car)."""

    min_memory: int = 1_000_000_000
    """Bytes below which a memory limit is rejected: worker and frontend do not fit."""

    @classmethod
    def read(cls, environment: Mapping[str, str], arguments: Sequence[str]) -> PodSettings:
        """Read variables, then the arguments that KServe appends to an explainer's.

        Raises:
            PodError: a value that cannot be understood; the message names it.
        """
        numbers = {field.name for field in fields(cls)}
        try:
            settings = read(cls, without_service_links(environment), may_be_zero=numbers)
            if (port := _arguments(arguments).http_port) is not None:
                number = parsed("--http_port", "int", port, may_be_zero=True)
                settings = replace(settings, inference_port=number)  # type: ignore[arg-type]
        except ValueError as error:
            raise PodError(ExitCode.SETTING, str(error)) from None
        if settings.digest and not re.fullmatch("sha256:[0-9a-f]{64}", settings.digest):
            raise PodError(
                ExitCode.SETTING,
                f"LESIONLENS_DIGEST={settings.digest!r} is not sha256: and 64 hex digits: "
                "take it from release.yaml, as `make publish` writes it",
            )
        return settings


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise PodError(ExitCode.SETTING, f"arguments of the container: {message}")


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments that KServe appends to a custom explainer's; only the port is used."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    for name in ("--model_name", "--predictor_host", "--workers", "--http_port"):
        parser.add_argument(name)
    known, unknown = parser.parse_known_args(arguments)
    if unknown:
        print(f"pod: ignored arguments: {' '.join(unknown)}", flush=True)
    return known

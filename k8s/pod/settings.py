"""Settings of a pod: ``LESIONLENS_*`` variables and KServe's arguments.

A plain dataclass and not pydantic-settings: fewer packages make a smaller image.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from k8s.pod.errors import ExitCode, PodError
from serving.front.environment import without_service_links

RUNTIMES: Final = ("torchserve", "kserve")


@dataclass(frozen=True)
class PodSettings:
    """Settings of one pod, each from ``LESIONLENS_<FIELD>``, ports and paths included."""

    models: Path = Path("/mnt/models")
    """Folder in which KServe mounts ``config/``, ``model-store/`` and ``model.sig``."""

    scratch: Path = Path("/tmp")  # noqa: S108  the pod's own emptyDir
    """The only writable folder; TorchServe unpacks the archive there."""

    digest: str = ""
    """``sha256:`` and 64 hex digits of the release (``serving.release``); unset, no model runs."""

    dangerously_run_unverified_model: bool = False
    """``true``: run any mounted model if no digest is set. Never use it with real data."""

    signing_key: str = ""
    """Path of the public key with which the release must be signed; unset, no signature is
    required."""

    inference_port: int = 8080
    """Port of KServe's V1 protocol."""

    management_port: int = 8081
    """Port of TorchServe's management, on loopback."""

    metrics_port: int = 8082
    """Port of the Prometheus metrics."""

    health_port: int = 8090
    """Port of ``/started``, ``/ready`` and ``/alive`` for the kubelet's probes."""

    start_seconds: float = 600.0
    """Seconds until a worker must be ready; the startup probe gives up sooner."""

    grpc_inference_port: int = 7070
    """Port of gRPC with the runtime ``kserve``. TorchServe opens it on loopback, whether it is used
    or not."""

    grpc_management_port: int = 7071
    """Port that TorchServe opens on loopback, whether it is used or not."""

    drain_seconds: float = 10.0
    """Seconds for which requests are still accepted after SIGTERM: they arrive until the cluster
    has removed the pod's address from its Services."""

    finish_seconds: float = 45.0
    """Seconds that requests in flight may take after that."""

    model_seconds: float = 90.0
    """Seconds until a model must be mounted if KServe mounts it after the start (model car)."""

    min_memory: int = 1_000_000_000
    """Bytes below which a memory limit is rejected: worker and frontend do not fit."""

    runtime: str = "torchserve"
    """``torchserve`` or ``kserve``; the image says which it has."""

    @classmethod
    def read(cls, environment: Mapping[str, str], arguments: Sequence[str]) -> PodSettings:
        """Read variables, then the arguments that KServe appends to an explainer's.

        Raises:
            PodError: a value that cannot be understood; the message names it.
        """
        environment = without_service_links(environment)
        values: dict[str, object] = {}
        for name, kind in cls.__annotations__.items():
            variable = f"LESIONLENS_{name.upper()}"
            if text := environment.get(variable, "").strip():
                values[name] = _value(variable, kind, text)
        if (port := _arguments(arguments).http_port) is not None:
            values["inference_port"] = _value("--http_port", "int", port)
        settings = cls(**values)  # type: ignore[arg-type]
        if settings.runtime not in RUNTIMES:
            raise PodError(
                ExitCode.SETTING,
                f"LESIONLENS_RUNTIME={settings.runtime!r} is not one of: {', '.join(RUNTIMES)}",
            )
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


def _value(name: str, kind: str, text: str) -> object:
    if kind in ("str", "Path"):
        return text if kind == "str" else Path(text)
    if kind == "bool":
        if text not in ("true", "false"):
            raise PodError(ExitCode.SETTING, f"{name}={text!r} is neither true nor false")
        return text == "true"
    try:
        number = int(text) if kind == "int" else float(text)
    except ValueError:
        raise PodError(ExitCode.SETTING, f"{name}={text!r} is not a number ({kind})") from None
    if not (math.isfinite(number) and number >= 0):
        raise PodError(ExitCode.SETTING, f"{name}={text!r} must be zero or more, and finite")
    return number

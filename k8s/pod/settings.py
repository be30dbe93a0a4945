"""What the manifest tells a pod: ``LESIONLENS_*`` variables and KServe's arguments.

A plain dataclass and not pydantic-settings: an image is smaller for every package that it lacks.
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
from serving.front.service_links import without_service_links

RUNTIMES: Final = ("torchserve", "kserve")


@dataclass(frozen=True)
class PodSettings:
    """Of one pod. Each field is read from ``LESIONLENS_<FIELD>``, ports and paths included."""

    models: Path = Path("/mnt/models")
    """Where KServe mounts ``config/``, ``model-store/`` and ``model.sig``."""

    scratch: Path = Path("/tmp")  # noqa: S108  the pod's own emptyDir
    """The one folder that can be written to; TorchServe unpacks the archive there."""

    digest: str = ""
    """``sha256:`` and 64 hex digits of the release (``serving.release``); unset, no model runs."""

    dangerously_run_unverified_model: bool = False
    """``true``: run whatever model is mounted where no digest is named. Never with real data."""

    signing_key: str = ""
    """Path of the public key that the model folder must be signed with; unset, none is asked."""

    inference_port: int = 8080
    """KServe's V1 protocol."""

    management_port: int = 8081
    """TorchServe's own, on loopback."""

    metrics_port: int = 8082
    """Prometheus metrics."""

    health_port: int = 8090
    """``/started``, ``/ready`` and ``/alive`` for the kubelet's probes."""

    start_seconds: float = 600.0
    """Until a worker must be ready; the startup probe gives up sooner."""

    grpc_inference_port: int = 7070
    """gRPC of the runtime ``kserve``. TorchServe opens it on loopback, whether used or not."""

    grpc_management_port: int = 7071
    """TorchServe opens it on loopback, whether used or not."""

    drain_seconds: float = 10.0
    """That requests are still taken after SIGTERM: until the cluster has taken the pod's address
    out of its Services, they still come."""

    finish_seconds: float = 45.0
    """That requests in flight may take to end after that."""

    model_seconds: float = 90.0
    """That a model may take to be mounted where KServe does so while the pod runs (model car)."""

    min_memory: int = 1_000_000_000
    """Bytes below which a memory limit is refused: worker and frontend do not fit."""

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
    """KServe appends these to a custom explainer's; only the port means anything here."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    for name in ("--model_name", "--predictor_host", "--workers", "--http_port"):
        parser.add_argument(name)
    known, unknown = parser.parse_known_args(arguments)
    if unknown:
        print(f"pod: arguments that mean nothing here: {' '.join(unknown)}", flush=True)
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

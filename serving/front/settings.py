"""Settings of a server and limits of its front, from ``LESIONLENS_*`` variables.

Plain dataclasses and not pydantic-settings: the serving image does without pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from serving.front.environment import read

VERBS: Final = ("predict", "explain", "outcome")


@dataclass(frozen=True)
class ServerSettings:
    """Settings that a server on this machine and one in a pod share."""

    runtime: Literal["torchserve", "kserve"] = "torchserve"
    """Runtime of the archive: TorchServe, or KServe's own model server, without Java and with the
    Open Inference Protocol (V2) over REST and gRPC. An image has one of them and sets it."""

    digest: str = ""
    """``sha256:`` and 64 hex digits that the release must have (``serving.release``); unset, the
    last build is served on this machine, and nothing in a pod."""

    inference_port: int = 8080
    """Port of predictions and explanations: the front. TorchServe itself listens on a Unix
    socket."""

    management_port: int = 8081
    """Port of TorchServe's management, on loopback, from which readiness is read."""

    metrics_port: int = 8082
    """Port of the Prometheus metrics."""

    grpc_inference_port: int = 7070
    """Port of gRPC with the runtime ``kserve``. TorchServe opens it on loopback, whether it is used
    or not."""

    grpc_management_port: int = 7071
    """Port that TorchServe opens on loopback, whether it is used or not."""

    start_seconds: float = 120.0
    """Seconds until a worker must be ready."""

    drain_seconds: float = 1.0
    """Seconds for which new requests are still accepted after SIGTERM or Ctrl-C, so that clients
    notice the shutdown between two requests and not during one."""

    finish_seconds: float = 45.0
    """Seconds that requests in flight may take after that."""


@dataclass(frozen=True)
class FrontSettings:
    """Limits of a request and of concurrency. Each field is ``LESIONLENS_<FIELD>``."""

    verbs: tuple[str, ...] = VERBS
    """Verbs of this server, separated by commas; others are answered with 404."""

    max_body_bytes: int = 20_000_000
    """Bytes of one request body, base64 and JSON included."""

    body_seconds: float = 60.0
    """Seconds until a body must have arrived."""

    body_bytes_per_second: int = 8_000
    """Minimum average rate of a body after its first five seconds."""

    header_seconds: float = 10.0
    """Seconds until the headers of a request must have arrived."""

    max_connections: int = 1_000
    """Maximum open connections."""

    max_in_flight: int = 128
    """Maximum requests in flight; more are rejected with 503 (load shedding)."""

    buffer_bytes: int = 256_000_000
    """Maximum bytes of all bodies in memory."""

    answer_seconds: float = 45.0
    """Seconds until a request must be answered, retries included; then it is answered with 503."""

    cors_origins: tuple[str, ...] = ()
    """Origins whose scripts may call the service from a browser, separated by commas; ``*`` for
    any. Unset, none may."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> FrontSettings:
        """Read the settings; raises ValueError that names the variable and the expected value."""
        settings = read(cls, environment)
        if unknown := set(settings.verbs) - set(VERBS):
            raise ValueError(
                f"LESIONLENS_VERBS={','.join(sorted(unknown))!r} is not a verb; there are: "
                f"{', '.join(VERBS)}"
            )
        return settings

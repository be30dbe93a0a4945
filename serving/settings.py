"""Where the local server listens and what it serves, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import Path
from typing import Final, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from serving.front.sockets import host_port


class ServingSettings(BaseSettings):
    """Of one server on this machine; the limits of its front are :class:`FrontSettings`'."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    runtime: Literal["torchserve", "kserve"] = "torchserve"
    """That serves the archive: TorchServe, or KServe's own model server, without Java and with the
    Open Inference Protocol (V2) over REST and gRPC."""

    host: str = "127.0.0.1"
    """Address of predictions and metrics, IPv4 or IPv6; management stays on loopback whatever this
    says."""

    inference_port: int = 8080
    """Predictions and explanations: the front. TorchServe itself listens on a Unix socket."""

    management_port: int = 8081
    """TorchServe's own; readiness is read from it."""

    metrics_port: int = 8082
    """Prometheus metrics."""

    grpc_inference_port: int = 7070
    """gRPC of the runtime ``kserve``. TorchServe opens it on loopback, whether used or not."""

    grpc_management_port: int = 7071
    """TorchServe opens it whether used or not."""

    archive: Path = Path("model_store/model-store")
    """TorchServe's model store."""

    config: Path = Path("model_store/config")
    """Folder of ``config.properties`` and ``metrics.yaml``."""

    digest: str = ""
    """``sha256:`` and 64 hex digits that the release must have; unset, what was just built is
    served."""

    logs: Path = Path("build/logs")
    """TorchServe's log and the front's."""

    workers: int = Field(default=2, ge=1)
    """Of the server: while one makes a slow explanation, another predicts."""

    start_seconds: float = 120.0
    """Until a worker must be ready."""

    drain_seconds: float = 1.0
    """That requests are still taken after SIGTERM or Ctrl-C, so that clients notice the end between
    two requests and not within one."""

    finish_seconds: float = 45.0
    """That requests in flight may take after that."""

    tls_certificate: str = ""
    """Of the front, see there; here it says that the address begins with https."""

    @property
    def inference(self) -> str:
        """Address of predictions and explanations."""
        scheme = "https" if self.tls_certificate else "http"
        return f"{scheme}://{host_port(self.host, self.inference_port)}"

    @property
    def metrics(self) -> str:
        """Address of the metrics, without their path."""
        return f"http://{host_port(self.host, self.metrics_port)}"


class DemoSettings(ServingSettings):
    """Of the demo: the server's, and where the training left its summary."""

    build: Path = Path("build")
    """The training's summary is there."""

    reports: Path = Path("reports")
    """Folder of pictures and reports."""

    key_file: Path | None = None
    """File of the key that the demo sends, where its server has a lock; ``make key`` makes it."""


LISTENING: Final = range(20_000, 32_768)
"""Ports to listen on. Linux takes those of outgoing connections from above: a port found free up
there may be a client's before the server, which is seconds in starting, asks for it."""

# From a place of each process's own: two that look at once would both find the same port free.
_candidates = itertools.islice(
    itertools.cycle(LISTENING), os.getpid() * 4_001 % len(LISTENING), None
)


def free_ports() -> dict[str, int]:
    """A free port for each that a server opens, by the name of its setting.

    No two are the same, nor are those of two calls.
    """
    names = ("inference", "management", "metrics", "grpc_inference", "grpc_management")
    return {f"{name}_port": next(filter(_free, _candidates)) for name in names}


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

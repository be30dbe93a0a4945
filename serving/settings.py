"""Settings of the local server, from ``LESIONLENS_*`` variables."""

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
    """Settings of one server on this machine; ``FrontSettings`` has its front's limits."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    runtime: Literal["torchserve", "kserve"] = "torchserve"
    """That serves the archive: TorchServe, or KServe's own model server, without Java and with the
    Open Inference Protocol (V2) over REST and gRPC."""

    host: str = "127.0.0.1"
    """Address of predictions and metrics, IPv4 or IPv6; management always stays on loopback."""

    inference_port: int = 8080
    """Port of predictions and explanations: the front. TorchServe itself listens on a Unix
    socket."""

    management_port: int = 8081
    """Port of TorchServe's management, from which readiness is read."""

    metrics_port: int = 8082
    """Port of the Prometheus metrics."""

    grpc_inference_port: int = 7070
    """Port of gRPC with the runtime ``kserve``. TorchServe opens it on loopback, whether it is used
    or not."""

    grpc_management_port: int = 7071
    """Port that TorchServe opens whether it is used or not."""

    archive: Path = Path("model_store/model-store")
    """Folder of the archive: TorchServe's model store."""

    config: Path = Path("model_store/config")
    """Folder of ``config.properties`` and ``metrics.yaml``."""

    digest: str = ""
    """``sha256:`` and 64 hex digits that the release must have; unset, the last build is served."""

    logs: Path = Path("build/logs")
    """Folder of the logs of TorchServe and of the front."""

    workers: int = Field(default=2, ge=1)
    """Workers of the server: while one makes a slow explanation, another predicts."""

    start_seconds: float = 120.0
    """Seconds until a worker must be ready."""

    drain_seconds: float = 1.0
    """Seconds for which new requests are still accepted after SIGTERM or Ctrl-C, so that clients
    notice the shutdown between two requests and not during one."""

    finish_seconds: float = 45.0
    """Seconds that requests in flight may take after that."""

    tls_certificate: str = ""
    """Certificate of the front, see there; here it only decides whether the address begins with
    https."""

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
    """Settings of the demo: those of the server, and the folder of the training's summary."""

    build: Path = Path("build")
    """Folder of the training's summary."""

    reports: Path = Path("reports")
    """Folder of pictures and reports."""

    key_file: Path | None = None
    """File of the API key that the demo sends, if its server has access control; ``make key`` makes
    it."""


LISTENING: Final = range(20_000, 32_768)
"""Range of listening ports. Linux assigns outgoing connections higher ports: a free port up there
could be in use by a client before the server, which takes seconds to start, binds it."""

# Start at an offset per process: two processes that search at once would find the same port.
_candidates = itertools.islice(
    itertools.cycle(LISTENING), os.getpid() * 4_001 % len(LISTENING), None
)


def free_ports() -> dict[str, int]:
    """Find a free port for each setting that needs one.

    No two ports are the same, within a call or between calls.
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

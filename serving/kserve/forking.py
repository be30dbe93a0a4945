"""Start, use and stop the fork server's process."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import yaml

from serving.front.hosting import StartError
from serving.process import Process, passive_threads

DEFAULT_BATCH: Final = 1
"""TorchServe's batch size where the archive names none."""
ROOT: Final = Path(__file__).resolve().parents[2]
SCRIPT: Final = Path(__file__).with_name("fork_server.py")


@dataclass(frozen=True)
class Plan:
    """Archive, folders and numbers of one server's workers."""

    archive: Path
    """Folder of the archive, unpacked from a verified, private copy."""

    scratch: Path
    """Private folder of temporary files."""

    workers: int
    """Number of processes; each loads the model."""

    batch_size: int
    """Maximum requests that a worker takes at once."""

    @property
    def metrics(self) -> Path:
        """Folder of the workers' metrics."""
        return self.scratch / "metrics"


def unpack(archive: Path, folder: Path) -> int:
    """Unpack a verified archive as TorchServe does; returns the batch size of its settings.

    Args:
        archive: a ``.mar`` file.
        folder: is created; an existing one is removed.

    Raises:
        StartError: it cannot be unpacked or read.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)
        config = folder / "model-config.yaml"
        document = yaml.safe_load(config.read_text(encoding="utf-8")) if config.is_file() else {}
        return int(document.get("batchSize", DEFAULT_BATCH))
    except (OSError, ValueError, AttributeError, zipfile.BadZipFile, yaml.YAMLError) as error:
        why = f"{type(error).__name__}: {error}"
        raise StartError(f"{archive} cannot be unpacked ({why}): `make archive`") from None


class ForkServerError(RuntimeError):
    """The fork server has ended; the message says why."""


class ForkServer(Process):
    """Process of the fork server.

    Create it in a thread that outlives it: the kernel kills it when that thread ends.

    Args:
        plan: of its workers.
        log: receives everything that it and the workers print.
    """

    error_signs = ("Fatal Python error", "Error")

    def __init__(self, plan: Plan, log: BinaryIO) -> None:
        self._turn = asyncio.Lock()
        self.usable = True
        """Whether it can still fork; once false, it stays false."""
        self._control, theirs = socket.socketpair()
        self._control.setblocking(False)
        document = {
            "archive": str(plan.archive),
            "root": str(ROOT),
            "scratch": str(plan.scratch),
            "metrics": str(plan.metrics),
            "batch_size": plan.batch_size,
        }
        with theirs:
            super().__init__(
                # -P: the folder of the script holds modules, and none that may be imported so.
                [sys.executable, "-P", str(SCRIPT), json.dumps(document)],
                log,
                environment=environment(plan.scratch, dict(os.environ)),
                folder=plan.scratch,
                stdin=theirs.fileno(),
            )

    async def wait_ready(self) -> None:
        """Wait until it has imported everything.

        Raises:
            ForkServerError: it ended instead.
        """
        await self._line()

    async def fork(self, slot: int) -> tuple[int, socket.socket]:
        """Fork a worker.

        Args:
            slot: of the worker.

        Returns:
            Its process id, and the socket to it.

        Raises:
            ForkServerError: the fork server has ended.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                async with self._turn:
                    message = json.dumps({"slot": slot}).encode()
                    socket.send_fds(self._control, [message], [theirs.fileno()])
                    return int(await self._line()), ours
        except (OSError, ForkServerError):
            ours.close()
            self.usable = False
            raise ForkServerError(await asyncio.to_thread(self._ended)) from None

    def stop(self, seconds: float) -> None:
        """Stop it and its workers; kill those that still run after so many seconds."""
        self._control.close()
        self.wait(seconds)
        super().stop(0)

    async def _line(self) -> bytes:
        received = b""
        while not received.endswith(b"\n"):
            part = await asyncio.get_running_loop().sock_recv(self._control, 64)
            if not part:
                self.usable = False
                raise ForkServerError(await asyncio.to_thread(self._ended))
            received += part
        return received

    def _ended(self) -> str:
        status = self.wait(2)
        return (
            f"the workers' modules cannot be imported or run (status {status}): {self.last_error}"
        )


def environment(scratch: Path, variables: dict[str, str]) -> dict[str, str]:
    """Return the environment of the workers.

    Args:
        scratch: folder for temporary files.
        variables: of this process.
    """
    return {
        # Nothing from outside changes which modules run.
        **{name: value for name, value in variables.items() if name != "PYTHONPATH"},
        "TMPDIR": str(scratch),
        **passive_threads(variables),
    }

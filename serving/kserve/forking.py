"""The fork server's process, as its parent has it: its start, its log and its end."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from serving.process import Process

ROOT: Final = Path(__file__).resolve().parents[2]
SCRIPT: Final = Path(__file__).with_name("fork_server.py")


@dataclass(frozen=True)
class Plan:
    """What the workers of one server run and where."""

    archive: Path
    """Unpacked from a verified, private copy."""

    scratch: Path
    """Private folder of temporary files."""

    workers: int
    """Processes that each have the model."""

    batch_size: int
    """Requests that one of them takes at once, at most."""

    @property
    def metrics(self) -> Path:
        """Folder of the workers' metrics."""
        return self.scratch / "metrics"


class ForkServerError(RuntimeError):
    """It ended; the message says why."""


class ForkServer(Process):
    """Make it in the thread that outlives it: the kernel kills it when that thread ends.

    Args:
        plan: what its workers run.
        log: that everything it and they print is written to.
    """

    error_signs = ("Fatal Python error", "Error")

    def __init__(self, plan: Plan, log: BinaryIO) -> None:
        self._turn = asyncio.Lock()
        self.usable = True
        """Whether it may still fork; once false, it never will."""
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
        """Have a worker forked.

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
        """End it and its workers; what is left after so many seconds is killed."""
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


def environment(scratch: Path, given: dict[str, str]) -> dict[str, str]:
    """Variables of the workers, over what this process was given.

    Args:
        scratch: folder for temporary files.
        given: of this process.
    """
    return {
        # Nothing from outside changes which modules run.
        **{name: value for name, value in given.items() if name != "PYTHONPATH"},
        "TMPDIR": str(scratch),
        # Threads that wait sleep; spinning, they starve whatever shares their cores.
        "OMP_WAIT_POLICY": given.get("OMP_WAIT_POLICY", "PASSIVE"),
        # NumPy's have no such policy, and must not exist before a fork; its products are small.
        "OPENBLAS_NUM_THREADS": given.get("OPENBLAS_NUM_THREADS", "1"),
    }

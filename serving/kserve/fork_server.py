"""Fork server: imports everything that a worker needs once, then forks workers on request.

Run by path, not imported, so that ``handlers`` is the archive's package. A forked worker starts in
milliseconds instead of seconds, and shares the memory of all imports with the others. Nothing may
compute here: threads do not survive a fork.

The control socket (descriptor 0) brings ``slot`` and the worker's socket; the worker's process id
goes back as a line.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any, Final

PRELOADED: Final = ("serving.kserve.worker", "handlers.explainers.captum_methods")
IF_INSTALLED: Final = ("openvino",)
_PR_SET_PDEATHSIG: Final = 1
MAX_MESSAGE: Final = 4_096


def main() -> None:
    """Fork workers until the server has ended."""
    plan: dict[str, Any] = json.loads(sys.argv[1])
    sys.path.insert(0, plan["archive"])
    sys.path.append(plan["root"])
    _die_with_parent()
    faulthandler.enable(all_threads=False)  # workers inherit it
    for name in PRELOADED:
        importlib.import_module(name)
    for name in IF_INSTALLED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    # What is there now is never collected, and so its pages stay shared.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, _reap)
    control = socket.socket(fileno=os.dup(0))
    control.sendall(b"ready\n")
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, MAX_MESSAGE, 1)
        if not data:
            return
        pid = os.fork()
        if pid == 0:
            _become_worker(plan, json.loads(data)["slot"], control, descriptors[0])
        os.close(descriptors[0])
        control.sendall(f"{pid}\n".encode())


def _become_worker(plan: dict[str, Any], slot: int, control: socket.socket, fd: int) -> None:
    """Run a worker in this forked process; never returns into the fork server's loop."""
    status = 1
    try:
        _die_with_parent()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        worker = importlib.import_module("serving.kserve.worker")
        worker.main(
            socket.socket(fileno=fd),
            Path(plan["archive"]),
            Path(plan["scratch"]),
            Path(plan["metrics"]),
            slot,
            plan["batch_size"],
        )
        status = 0
    except BaseException as error:  # noqa: BLE001  whatever it is, this process ends here
        # Without the message, which may quote what the worker was given.
        places = "".join(traceback.format_tb(error.__traceback__))
        sys.stderr.write(f"worker {os.getpid()}: {type(error).__name__} at\n{places}")
    finally:
        sys.stderr.flush()
        os._exit(status)


def _reap(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            if status:
                code = os.waitstatus_to_exitcode(status)
                sys.stderr.write(f"worker {pid} ended with status {code}\n")


def _die_with_parent() -> None:
    """Make the kernel kill this process when its parent ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()

"""Restarting ``kubectl port-forward``."""

from __future__ import annotations

import subprocess
import threading
import time
from typing import Final

from k8s.rollout.errors import RolloutError
from k8s.rollout.kubectl import Kubectl
from k8s.rollout.smoke import FORWARDING

START_SECONDS: Final = 20.0


class Tunnel:
    """Local port that leads into the cluster.

    kubectl ends a forwarding when the pod behind it is gone, and some versions at the first broken
    connection: it is started again on the same port, and ``breaks`` counts how often.

    Args:
        kubectl: of the cluster.
        namespace: of the target.
        target: such as ``service/name``.
        port: of the target.
    """

    def __init__(self, kubectl: Kubectl, namespace: str, target: str, port: int) -> None:
        self._kubectl, self._namespace, self._target = kubectl, namespace, target
        self._local, self._port = "", port
        self._process: subprocess.Popen[str] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.breaks = 0

    @property
    def address(self) -> str:
        """Host and port of this machine."""
        return f"127.0.0.1:{self._local}"

    def __enter__(self) -> Tunnel:
        self._start()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._stop()
        self._thread.join(START_SECONDS + 5)

    def _start(self) -> None:
        """Start kubectl and check by its first line whether it forwards."""
        process = self._kubectl.open(
            *("port-forward", "--namespace", self._namespace, self._target),
            f"{self._local}:{self._port}",
        )
        self._process = process
        words: list[str] = []
        assert process.stdout is not None
        stdout = process.stdout
        reader = threading.Thread(target=lambda: words.append(stdout.readline()), daemon=True)
        reader.start()
        reader.join(START_SECONDS)
        found = FORWARDING.search(words[0]) if words else None
        if found is None:
            self._stop()
            reader.join(5)
            stdout.close()
            said = words[0].strip() if words else f"nothing within {START_SECONDS:g} s"
            raise RolloutError(f"kubectl port-forward to {self._target}: {said or 'it ended'}")
        self._local = found[1]
        # What it says of every connection must be read, or it stops where the pipe is full.
        threading.Thread(target=_drain, args=(process,), daemon=True).start()

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            process = self._process
            if process is not None and process.poll() is None:
                continue
            if self._over.is_set():
                return  # ended by __exit__: no break
            self.breaks += 1
            try:
                self._start()
            except RolloutError:
                time.sleep(1)
            if self._over.is_set():
                self._stop()


def _drain(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    with process.stdout as stdout:
        for _ in stdout:
            pass

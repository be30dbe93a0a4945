"""Restarting ``kubectl port-forward``."""

from __future__ import annotations

import threading
import time
from typing import Final

from k8s.rollout.errors import RolloutError
from k8s.rollout.kubectl import Kubectl
from k8s.rollout.smoke import forwarded
from serving.process import Process

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
        self._process: Process | None = None
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
        """Start kubectl and wait until it forwards."""
        self._process = self._kubectl.open(
            *("port-forward", "--namespace", self._namespace, self._target),
            f"{self._local}:{self._port}",
        )
        self._local = forwarded(self._process, self._target).rpartition(":")[2]

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.stop(5)

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            process = self._process
            if process is not None and process.status is None:
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

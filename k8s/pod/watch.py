"""Whether the service answers: asked of TorchServe, and proved by a prediction."""

from __future__ import annotations

import http.client
import io
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

from PIL import Image

from k8s.pod.model_volume import MODEL
from k8s.pod.settings import PodSettings

SECONDS: Final = 5.0
"""That TorchServe may take to describe its workers."""
PREDICTION_SECONDS: Final = 30.0
"""That a first prediction may take on a fraction of a core."""
SILENCE_SECONDS: Final = 60.0
"""Of TorchServe's management after which it is given up."""


@dataclass
class Watch:
    """What is known of the service; :meth:`look` finds out anew.

    A pod is ready when a worker that TorchServe calls ready has answered a prediction. It is asked
    once in a worker's life: asking again and again would turn a busy pod away from its Service,
    and the next one after it.
    """

    settings: PodSettings
    started: bool = False
    """Whether it has ever been ready."""
    ready: bool = False
    draining: bool = False
    why: str = "TorchServe is starting"
    """It is not ready."""
    _proved: set[tuple[int, str]] = field(default_factory=set)
    _heard: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> bool:
        """Find out once; whether it is ready."""
        workers, why = self._workers()
        for worker in workers - self._proved:
            why = self._try_prediction()
            if not why:
                self._proved.add(worker)
        proved = workers & self._proved
        with self._lock:
            self.ready = bool(proved) and not self.draining
            self.started = self.started or self.ready
            self.why = "" if self.ready else why
        return self.ready

    def drain(self) -> None:
        """Say from now on that no request should come."""
        with self._lock:
            self.draining, self.ready, self.why = True, False, "the pod is ending"

    @property
    def alive(self) -> bool:
        """Whether TorchServe itself still answers."""
        return not self.started or time.monotonic() - self._heard < SILENCE_SECONDS

    def pending(self) -> int:
        """Requests that wait for a worker."""
        try:
            description = self._describe()
        except (OSError, http.client.HTTPException, ValueError):
            return 0
        return int(description.get("jobQueueStatus", {}).get("pendingRequests", 0))

    def pids(self) -> set[int]:
        """Process ids of the workers that were proved."""
        return {pid for pid, _ in self._proved}

    def _workers(self) -> tuple[set[tuple[int, str]], str]:
        """Workers that TorchServe calls ready, by pid and start, and why there is none."""
        try:
            workers = self._describe().get("workers", [])
        except (OSError, http.client.HTTPException, ValueError) as error:
            return set(), f"TorchServe does not answer yet ({type(error).__name__})"
        self._heard = time.monotonic()
        found = {(int(w["pid"]), str(w["startTime"])) for w in workers if w["status"] == "READY"}
        return found, "no worker has loaded the model"

    def _describe(self) -> dict[str, Any]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.settings.management_port, timeout=SECONDS
        )
        try:
            connection.request("GET", f"/models/{MODEL}")
            reply = connection.getresponse()
            described: list[dict[str, Any]] = json.loads(reply.read())
            return described[0] if reply.status == 200 else {}
        finally:
            connection.close()

    def _try_prediction(self) -> str:
        """Ask for one prediction, whose photograph the service does not count; why it failed."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.settings.inference_port, timeout=PREDICTION_SECONDS
        )
        try:
            headers = {"X-Probe": "true", "Content-Type": "image/png"}
            connection.request("POST", f"/predictions/{MODEL}", PICTURE, headers)
            reply = connection.getresponse()
            said = reply.read()
        except (OSError, http.client.HTTPException) as error:
            return f"a prediction failed ({type(error).__name__})"
        finally:
            connection.close()
        return "" if reply.status == 200 else f"a prediction got {reply.status}: {said[:200]!r}"


def _picture() -> bytes:
    """A small picture of nothing: the answer matters to nobody, only that there is one."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(file, "PNG")
    return file.getvalue()


PICTURE: Final = _picture()

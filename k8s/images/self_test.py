"""Last step of the serving image's build: start a pod in it and send requests.

``python self_test.py PROJECT`` makes the release of a tiny untrained model, with the handlers and
the configuration from the folder of this file, and runs ``python -m serving.pod`` in the folder
PROJECT. So an image whose torch cannot be imported, or that lacks a package, is never built. The
build mounts this file with its inputs, so that nothing of it stays in the image.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from torch import nn

READY_SECONDS: Final = 180.0
"""Timeout far above what a pod takes: a build may emulate another processor."""
WIDTH: Final = 8
FEATURES: Final = ("brightness", "contrast", "sharpness", "probability", "distance")
CARD: Final = {
    "model_version": "self-test-untrained",
    "labels": ["no cancer", "cancer"],
    "threshold": 0.5,
    "temperature": 1.0,
    "review": {"near_threshold": [0.49, 0.51]},
}
MANIFEST: Final = {
    "runtime": "python",
    "model": {
        "modelName": "melanoma",
        "modelVersion": "self-test-untrained",
        "serializedFile": "model.pt",
        "handler": "melanoma_handler.py",
        "configFile": "model-config.yaml",
    },
    "archiverVersion": "0.12.0",
}
MODEL_CONFIG: Final = "minWorkers: 1\nmaxWorkers: 1\nbatchSize: 8\nmaxBatchDelay: 1\n"
OPENVINO: Final = "from handlers.backends import openvino; openvino()"


class SelfTestError(RuntimeError):
    """The image does not work; the message says why."""


class TinyModel(nn.Module):
    """A tiny model: ``features`` to (n, 8, 7, 7), ``head`` to logits (n, 2)."""

    def __init__(self) -> None:
        """Initialise random weights."""
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, WIDTH, 32, stride=32), nn.ReLU())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(1), nn.Linear(WIDTH, 2))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Compute logits of shape (n, 2) of photographs of shape (n, 3, 224, 224)."""
        return self.head(self.features(inputs))  # type: ignore[no-any-return]


def write_release(folder: Path, source: Path, more: Mapping[str, str] | None = None) -> None:
    """Write a release that a pod can run, with an untrained model.

    Args:
        folder: gets ``config/`` and ``model-store/``.
        source: holds ``handlers/`` and ``model_store/config/``.
        more: text of further files of the archive, by path.
    """
    shutil.copytree(source / "model_store/config", folder / "config")
    (folder / "model-store").mkdir()
    handlers = source / "handlers"
    files: dict[str, str | bytes] = {
        "MAR-INF/MANIFEST.json": json.dumps(MANIFEST),
        "model-config.yaml": MODEL_CONFIG,
        "card.json": json.dumps(CARD),
        "baseline.json": json.dumps(_baseline()),
        "model.pt": _torchscript(),
        "melanoma_handler.py": (handlers / "melanoma_handler.py").read_bytes(),
        **{
            str(path.relative_to(source)): path.read_bytes()
            for path in sorted(handlers.rglob("*.py"))
        },
        **(more or {}),
    }
    with zipfile.ZipFile(folder / "model-store/melanoma.mar", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def run(project: Path, source: Path) -> None:
    """Start a pod, request a prediction and an explanation, and stop it.

    Args:
        project: folder of the packages ``k8s`` and ``serving``.
        source: holds ``handlers/`` and ``model_store/config/``.

    Raises:
        SelfTestError: it does not start, answer or end; its log was printed.
    """
    with tempfile.TemporaryDirectory(prefix="self-test-") as scratch:
        models, log = Path(scratch) / "models", Path(scratch) / "log"
        write_release(models, source)
        inference, management, metrics, health, grpc, grpc_management = map(str, _free_ports(6))
        variables = {
            "LESIONLENS_MODELS": str(models),
            "LESIONLENS_SCRATCH": scratch,
            "LESIONLENS_DANGEROUSLY_RUN_UNVERIFIED_MODEL": "true",
            "LESIONLENS_INFERENCE_PORT": inference,
            "LESIONLENS_MANAGEMENT_PORT": management,
            "LESIONLENS_METRICS_PORT": metrics,
            "LESIONLENS_HEALTH_PORT": health,
            "LESIONLENS_GRPC_INFERENCE_PORT": grpc,
            "LESIONLENS_GRPC_MANAGEMENT_PORT": grpc_management,
            "LESIONLENS_START_SECONDS": str(READY_SECONDS),
            "LESIONLENS_DRAIN_SECONDS": "0",
            "LESIONLENS_EXPLAIN_SECONDS": "60",
            # A builder has other limits than a pod.
            "LESIONLENS_MIN_MEMORY": "0",
        }
        sys.path.append(str(project))  # in the image, serving lies only there
        from serving.process import Process

        command = [sys.executable, "-m", "serving.pod"]
        pod = Process(command, log, environment={**os.environ, **variables}, folder=project)
        try:
            if not pod.wait_until(lambda: _ready(int(health)), READY_SECONDS):
                ended = f"ended with status {pod.status} before it was ready"
                late = f"was not ready after {READY_SECONDS:g} s"
                raise SelfTestError(f"the pod {late if pod.status is None else ended}")
            for verb, field in (("predict", "predictions"), ("explain", "explanations")):
                _ask(int(inference), verb, field)
            pod.stop(60)
            if pod.status != 0:
                raise SelfTestError(f"the pod ended with status {pod.status}")
        except (SelfTestError, OSError):
            print(log.read_text(encoding="utf-8", errors="replace"), flush=True)
            raise
        finally:
            pod.stop(30)


def _baseline() -> dict[str, Any]:
    reference = np.eye(3, WIDTH, dtype="<f2")
    return {
        "photographs": len(reference),
        "drift": {name: {"edges": [0.5], "shares": [0.5, 0.5]} for name in FEATURES},
        "limits": {},
        "features": {
            "shape": reference.shape,
            "float16": base64.b64encode(reference.tobytes()).decode("ascii"),
        },
    }


def _torchscript() -> bytes:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
        buffer = io.BytesIO()
        # Frozen, like a trained model.
        model = TinyModel().eval().requires_grad_(False)
        torch.jit.save(torch.jit.script(model), buffer)
    return buffer.getvalue()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [int(opened.getsockname()[1]) for opened in sockets]


def _ready(port: int) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return _reply(port, "GET", "/ready")[0] == 200
    return False


def _ask(port: int, verb: str, field: str) -> None:
    photograph = io.BytesIO()
    Image.effect_noise((240, 240), 60).convert("RGB").save(photograph, "JPEG")
    instance = {"data": base64.b64encode(photograph.getvalue()).decode("ascii")}
    if verb == "explain":
        instance["method"] = "integrated_gradients"
    body = json.dumps({"instances": [instance]}).encode()
    status, reply = _reply(port, "POST", f"/v1/models/melanoma:{verb}", body)
    if status != 200 or "probability" not in json.loads(reply)[field][0]:
        raise SelfTestError(f":{verb} got status {status}: {reply.decode(errors='replace')}")


def _reply(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
    with contextlib.closing(connection):
        connection.request(method, path, body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.read()


def main(arguments: list[str]) -> int:
    """Test; returns 1 if the image does not work."""
    source = Path(__file__).resolve().parent
    # Modules that a pod imports only with some releases.
    for command in (["-c", OPENVINO], ["-m", "model_signing", "--help"]):
        done: Any = subprocess.run(
            [sys.executable, *command], cwd=source, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            print(f"{done.stderr}\nself-test: python {' '.join(command)} failed", flush=True)
            return 1
    try:
        run(Path(arguments[0]), source)
    except (SelfTestError, OSError) as error:
        print(f"self-test: {error}", flush=True)
        return 1
    print("self-test: a pod started, predicted, explained and ended", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Run containers of the serving image like the manifests: limits, user, capabilities, mounts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import httpx
from kubernetes.utils.quantity import parse_quantity

from k8s.images.settings import ImageSettings
from serving import release
from serving.heartbeats import PREFIX
from serving.settings import free_ports
from tests.k8s.manifests.building import RUNTIME as RUNTIME_COMPONENT
from tests.k8s.manifests.building import objects_of

READY_SECONDS: Final = 120
RUNTIME: Final = [
    *("--runtime", "runc", "run", "--rm", "--network", "host"),
    # Without them runc asks for more than the machine grants.
    *("--ulimit", "nofile=20000:20000", "--ulimit", "nproc=4096:4096"),
]


@dataclass(frozen=True)
class Template:
    """Component of the InferenceService: its container and security context."""

    container: dict[str, Any]
    security: dict[str, Any]

    def restrictions(self, scratch: Path, memory: int | None = None) -> list[str]:
        """Build podman's options for the manifest's restrictions: user, limits, root, capabilities.

        Args:
            scratch: folder that stands for the container's emptyDir volumes.
            memory: bytes, instead of the manifest's limit.
        """
        own, limits = self.container["securityContext"], self.container["resources"]["limits"]
        options = ["--user", f"{self.security['runAsUser']}:{self.security['runAsGroup']}"]
        options += ["--memory", str(memory or int(parse_quantity(limits["memory"])))]
        options += ["--cpus", str(parse_quantity(limits["cpu"]))]
        if own["readOnlyRootFilesystem"]:
            options += ["--read-only", "--read-only-tmpfs=false"]
        for capability in own["capabilities"]["drop"]:
            options += ["--cap-drop", capability]
        if not own["allowPrivilegeEscalation"]:
            options += ["--security-opt", "no-new-privileges"]
        for mount in self.container["volumeMounts"]:
            options += ["--volume", f"{scratch}:{mount['mountPath']}"]
        return options


def wait_for(url: str) -> None:
    """Wait until the address answers with 200."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            assert httpx.get(url, timeout=5).status_code == 200
            return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise AssertionError(f"nothing answers at {url}")


def templates(runtime: str) -> dict[str, Template]:
    """Predictor and explainer of ``k8s/base``, as KServe puts them together.

    Args:
        runtime: that they serve with; TorchServe is the base's.
    """
    name = "base" if runtime == "torchserve" else f"base + {RUNTIME_COMPONENT}"
    kinds = {one["kind"]: one for one in objects_of(name)}
    container = kinds["ServingRuntime"]["spec"]["containers"][0]
    spec = kinds["InferenceService"]["spec"]
    model = {name: spec["predictor"]["model"][name] for name in ("env", "resources")}
    return {
        "predictor": Template(container | model, spec["predictor"]["securityContext"]),
        "explainer": Template(
            spec["explainer"]["containers"][0], spec["explainer"]["securityContext"]
        ),
    }


def page_template() -> Template:
    """The upload page of ``k8s/components/page``."""
    (page,) = [one for one in objects_of("base + page") if one["kind"] == "Deployment"]
    spec = page["spec"]["template"]["spec"]
    return Template(spec["containers"][0], spec["securityContext"])


@dataclass
class Container:
    """Running container; use as a context manager.

    A pod has a separate network; here all share the machine's, so each gets ports of its own.
    """

    image: str
    settings: ImageSettings
    template: Template
    models: Path | None
    """Mounted at /mnt/models, read-only, as KServe does it; None: nothing is mounted."""
    arguments: Sequence[str] = ()
    """Appended to those of the manifest; ``{http}`` stands for the port of requests."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Over those of the manifest, and the digest of what is mounted."""
    memory: int | None = None
    """Bytes, instead of the manifest's limit."""

    def __enter__(self) -> Self:
        """Start without waiting for readiness."""
        self._scratch = tempfile.TemporaryDirectory(prefix="lesionlens-pod-")
        self.scratch = Path(self._scratch.name) / "tmp"
        self.scratch.mkdir()
        self.scratch.chmod(0o777)  # what fsGroup does to an emptyDir
        self.log = Path(self._scratch.name) / "log"
        ports = free_ports()
        self.ports = {
            "LESIONLENS_INFERENCE_PORT": ports["inference_port"],
            "LESIONLENS_MANAGEMENT_PORT": ports["management_port"],
            "LESIONLENS_METRICS_PORT": ports["metrics_port"],
            "LESIONLENS_GRPC_INFERENCE_PORT": ports["grpc_inference_port"],
            "LESIONLENS_GRPC_MANAGEMENT_PORT": ports["grpc_management_port"],
            "LESIONLENS_HEALTH_PORT": free_ports()["inference_port"],
        }
        self.url = f"http://127.0.0.1:{self.ports['LESIONLENS_INFERENCE_PORT']}"
        self.metrics = f"http://127.0.0.1:{self.ports['LESIONLENS_METRICS_PORT']}/metrics"
        self.health = f"http://127.0.0.1:{self.ports['LESIONLENS_HEALTH_PORT']}"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self._scratch.name,  # conmon leaves a file `oom` where it is started
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Kill all remaining processes."""
        if self._process.poll() is None:
            self._podman("kill", "--signal", "KILL", self._name)
            self._process.wait(timeout=30)
        self._scratch.cleanup()

    def probe(self, kind: str) -> bool:
        """Run a probe like the kubelet: ``startup``, ``readiness`` or ``liveness``."""
        path = self.template.container[f"{kind}Probe"]["httpGet"]["path"]
        try:
            return httpx.get(self.health + path, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_ready(self) -> Self:
        """Wait until a worker has answered a prediction."""
        deadline = time.monotonic() + READY_SECONDS
        while not self.probe("readiness"):
            assert self._process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)
        return self

    def terminate(self) -> None:
        """Send SIGTERM to the first process, like the kubelet."""
        os.kill(self._process.pid, signal.SIGTERM)

    def wait(self, seconds: float) -> tuple[int, str]:
        """Wait for the end; return exit status and last line, which is the pod's message."""
        status = self._process.wait(timeout=seconds)
        return status, self.said().splitlines()[-1]

    def said(self) -> str:
        """Log so far."""
        return self.log.read_text(errors="replace").strip()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container."""
        return self._podman("exec", self._name, *command)

    def workers(self) -> dict[int, bool]:
        """Process ids in it of the workers that have loaded the model, and whether each is busy."""
        found = {}
        for path in self.scratch.glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError, ValueError):  # it is being written or removed
                _, promise = map(float, path.read_text(encoding="ascii").split())
                found[int(path.name.removeprefix(PREFIX))] = promise > 0
        return found

    def wait_workers(self, wanted: Callable[[dict[int, bool]], bool]) -> dict[int, bool]:
        """Wait until its workers are as wanted; returns them."""
        deadline = time.monotonic() + READY_SECONDS
        while not wanted(found := self.workers()):
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)
        return found

    @property
    def _name(self) -> str:
        return f"lesionlens-{self.ports['LESIONLENS_INFERENCE_PORT']}"

    def _command(self) -> list[str]:
        command = [*self.settings.program("podman"), *RUNTIME, "--name", self._name]
        command += self.template.restrictions(self.scratch, self.memory)
        if self.models is not None:
            command += ["--volume", f"{self.models}:/mnt/models:ro"]
        given = {one["name"]: one["value"] for one in self.template.container.get("env", ())}
        numbers = {name: str(port) for name, port in self.ports.items()}
        given["LESIONLENS_DIGEST"] = self._digest()
        for name, value in {**given, **numbers, **self.variables}.items():
            command += ["--env", f"{name}={value}"]
        port = self.ports["LESIONLENS_INFERENCE_PORT"]
        arguments = [*self.template.container.get("args", ()), *self.arguments]
        return [*command, self.image, *(argument.format(http=port) for argument in arguments)]

    def _digest(self) -> str:
        """Digest of the mounted release, as ``make publish`` writes it into the manifest."""
        if self.models is None:
            return ""
        try:
            return release.digest_of(self.models)
        except release.UnreadableReleaseError:
            return ""

    def _podman(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.settings.program("podman"), "--runtime", "runc", *command],
            capture_output=True,
            text=True,
            check=False,
        )

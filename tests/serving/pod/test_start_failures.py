"""Test that a pod whose worker cannot start ends soon, with a status and the worker's error.

Against the real TorchServe, without containers. The archive's folder is first on a worker's path,
so a package ``torch`` in it stands for one of the image that cannot be imported.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from k8s.images.self_test import write_release
from serving.pod.errors import ExitCode
from serving.settings import free_ports

pytestmark = pytest.mark.slow


ROOT: Final = Path(__file__).resolve().parents[3]
GIVEN_UP_SECONDS: Final = 120
"""Until a pod has ended whose worker cannot start: 8 to 20 s on two idle cores, and a test must not
fail on a busy machine. Without the rule it would take ``LESIONLENS_START_SECONDS``, 600."""
IMPORTS: Final = {
    "raise ImportError('libcudart.so.12: cannot open shared object file')": (
        "ImportError: libcudart.so.12: cannot open shared object file"
    ),
    "import os\nimport signal\nos.kill(os.getpid(), signal.SIGSEGV)": "Segmentation fault at ",
    "import sys\nsys.exit('no licence for this machine')": (
        "SystemExit: no licence for this machine"
    ),
}
"""What an image's torch may do as it is imported, and the worker's last words."""
HANDLER: Final = """\
class Handler:
    def initialize(self, context):
        raise RuntimeError("no such layer")
    def handle(self, data, context):
        return data
"""
HANGS: Final = "import time\nprint('it hangs', flush=True)\ntime.sleep(600)\n"


@dataclass
class Pod:
    """Pod as a process; use as a context manager."""

    release: Path
    more: dict[str, str] = field(default_factory=dict)
    """Variables."""
    left: dict[str, str] = field(default_factory=dict)
    """Files in its scratch folder: a container that is restarted finds what the last one left."""

    def __enter__(self) -> Pod:
        """Start without waiting for readiness."""
        # Not below pytest's folder, which is too deep for the sockets of a server.
        self.scratch = Path(tempfile.mkdtemp(prefix="ll-"))
        self.log = self.scratch / "log"
        for name, text in self.left.items():
            (self.scratch / name).write_text(text)
        variables = {f"LESIONLENS_{name.upper()}": str(p) for name, p in free_ports().items()}
        variables |= {
            "LESIONLENS_HEALTH_PORT": str(free_ports()["inference_port"]),
            "LESIONLENS_MODELS": str(self.release),
            "LESIONLENS_SCRATCH": str(self.scratch),
            "LESIONLENS_DANGEROUSLY_RUN_UNVERIFIED_MODEL": "true",
            "LESIONLENS_MIN_MEMORY": "0",
            "LESIONLENS_DRAIN_SECONDS": "0",
        }
        self.began = time.monotonic()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "serving.pod"],
                cwd=ROOT,
                env={**os.environ, **variables, **self.more},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Kill all remaining processes, TorchServe included."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            finally:
                self.process.kill()
        shutil.rmtree(self.scratch)

    def wait(self, seconds: float) -> tuple[int, str]:
        """Wait for the end; return status and last line, which is the pod's message."""
        status = self.process.wait(timeout=seconds)
        return status, self.said().splitlines()[-1]

    def wait_for(self, words: str) -> None:
        """Wait until a text is in the log."""
        while words not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() - self.began < 60, self.said()
            time.sleep(0.1)

    def said(self) -> str:
        """Log so far."""
        return self.log.read_text(errors="replace").strip()


@pytest.fixture
def pod(tmp_path: Path) -> Callable[..., Pod]:
    """Create pods of a tiny model; an archive may have additional or changed files."""

    def make(files: dict[str, str], **more: str) -> Pod:
        release = Path(tempfile.mkdtemp(dir=tmp_path)) / "models"
        write_release(release, ROOT, files)
        return Pod(release, more)

    return make


def test_unimportable_torch_ends_the_pod(pod: Callable[..., Pod]) -> None:
    with ExitStack() as stack:
        pods = [stack.enter_context(pod({"torch/__init__.py": code})) for code in IMPORTS]
        for broken, words in zip(pods, IMPORTS.values(), strict=True):
            status, message = broken.wait(GIVEN_UP_SECONDS)

            assert status == ExitCode.WORKER
            assert message.startswith("error: the worker dies while it starts: ")
            assert words in message


def test_handler_load_failure_ends_the_pod(pod: Callable[..., Pod]) -> None:
    with pod({"melanoma_handler.py": HANDLER}) as broken:
        assert broken.wait(GIVEN_UP_SECONDS) == (
            ExitCode.WORKER,
            "error: the worker dies while it starts: RuntimeError: no such layer",
        )


def test_sigterm_while_loading_reports_where_the_worker_hangs(pod: Callable[..., Pod]) -> None:
    hanging = pod({"torch/__init__.py": HANGS})
    hanging.left = {f"lesionlens-start-{pid}": "ValueError: before" for pid in range(1, 9)}
    hanging.left["lesionlens-worker-error"] = "final ValueError: before"
    with hanging:
        hanging.wait_for("it hangs")
        time.sleep(2)  # four polls of the health monitor
        hanging.process.send_signal(signal.SIGTERM)
        status, message = hanging.wait(GIVEN_UP_SECONDS)

    assert status == ExitCode.NOT_STARTED
    assert "before a worker was ready: no worker has loaded the model; worker " in message
    assert message.endswith("torch/__init__.py line 3 in <module>")


def test_worker_that_hangs_until_the_deadline_ends_the_pod(pod: Callable[..., Pod]) -> None:
    with pod({"torch/__init__.py": HANGS}, LESIONLENS_START_SECONDS="8") as hanging:
        status, message = hanging.wait(GIVEN_UP_SECONDS)

    assert status == ExitCode.WORKER
    assert message.startswith("error: no worker was ready after 8 s: ")
    assert message.endswith("torch/__init__.py line 3 in <module>")


def test_invalid_keys_or_certificate_end_the_pod_before_listening(
    pod: Callable[..., Pod], tmp_path: Path
) -> None:
    broken = tmp_path / "keys.json"
    broken.write_text("{}")
    certificate = str(tmp_path / "missing.pem")
    given: list[dict[str, str]] = [
        {"LESIONLENS_API_KEYS": str(broken)},
        {"LESIONLENS_TLS_CERTIFICATE": certificate, "LESIONLENS_TLS_KEY": certificate},
        {"LESIONLENS_TOKEN_JWKS": "https://issuer.example/jwks"},
    ]
    with ExitStack() as stack:
        pods = [(stack.enter_context(pod({}, **more)), next(iter(more))) for more in given]
        for ended, name in pods:
            status, message = ended.wait(GIVEN_UP_SECONDS)

            assert status == ExitCode.SETTING
            assert name in message

"""What ends a pod of either runtime once it is started, and what does not."""

from __future__ import annotations

import re
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.pod.errors import ExitCode
from serving.release import ARCHIVE, digest_of
from tests.e2e.containers import Container

Start = Callable[..., Container]
PORTS = {"torchserve": "LESIONLENS_METRICS_PORT", "kserve": "LESIONLENS_GRPC_INFERENCE_PORT"}
"""A port of each runtime; gRPC's is listened on with KServe's model server alone."""
KILL_JAVA = """\
import os, pathlib
names = pathlib.Path("/proc").glob("[0-9]*/comm")
(pid,) = [name.parent.name for name in names if name.read_text() == "java\\n"]
os.kill(int(pid), 9)
"""


def test_an_archive_swapped_after_it_was_verified(
    start_container: Start, release: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    shutil.copytree(release, folder)
    for path in [*tmp_path.parents[:2], tmp_path, folder]:
        path.chmod(path.stat().st_mode | 0o055)
    with start_container("predictor", models=folder) as pod:
        deadline = time.monotonic() + 60
        while f"pod: release {digest_of(release)} verified" not in pod.said():
            assert time.monotonic() < deadline, pod.said()
            time.sleep(0.01)
        (folder / ARCHIVE).write_bytes(b"swapped")

        pod.wait_ready()


def test_a_worker_killed_for_want_of_memory(
    refused: Callable[..., tuple[int, str]], runtime: str
) -> None:
    megabytes = {"torchserve": 350, "kserve": 200}[runtime]  # Java alone takes the difference
    variables = {"LESIONLENS_MIN_MEMORY": "1"}

    status, message = refused(memory=megabytes * 2**20, variables=variables)

    assert status == ExitCode.MEMORY
    assert "killed for lack of memory" in message
    assert message.endswith("raise resources.limits.memory")


def test_a_port_that_is_taken(refused: Callable[..., tuple[int, str]], runtime: str) -> None:
    variable = PORTS[runtime]
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        status, message = refused(variables={variable: str(port)})

    assert status == ExitCode.PORT
    assert re.search(rf"cannot listen on \S+:{port} \(Address already in use\)", message)
    assert variable in message


@pytest.mark.parametrize("runtime", ["torchserve"], indirect=True, scope="session")
def test_a_frontend_that_ends_by_itself(start_container: Start) -> None:
    with start_container("predictor") as pod:
        pod.wait_ready()
        killed = pod.run("python", "-c", KILL_JAVA)
        assert killed.returncode == 0, killed.stderr
        status, message = pod.wait(90)

    assert status == ExitCode.FRONTEND
    assert message.startswith("error: TorchServe ended by itself (status -9)")


def test_a_worker_that_cannot_load(refused: Callable[..., tuple[int, str]]) -> None:
    # Read by the archive's handlers, in the worker: its own words must come through.
    status, message = refused(variables={"LESIONLENS_BACKEND": "abacus"})

    assert status == ExitCode.WORKER
    assert "LESIONLENS_BACKEND='abacus' is not a backend; there are: " in message


def test_every_reason_has_a_code_of_its_own_that_no_runtime_uses() -> None:
    codes = [int(code) for code in ExitCode]

    assert len(set(codes)) == len(codes) == 11
    assert all(3 <= code < 125 for code in codes)

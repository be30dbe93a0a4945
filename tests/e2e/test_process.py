"""Test the local server as a process: start, output, ports and end."""

from __future__ import annotations

import signal
import socket
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from serving.local import LocalServer, ServerError
from serving.settings import free_ports
from tests.e2e.conftest import Trained
from tests.e2e.requests_of import RAW_PREDICT
from tests.e2e.served import serve, until_ready

PROCESSES = {
    "torchserve": ("ModelServer", "model_service_worker"),
    "kserve": ("fork_server.py",),
}
"""What the command lines of a runtime's processes name."""
TORCHSERVE_ONLY = pytest.mark.parametrize("runtime", ["torchserve"], indirect=True, scope="session")


def test_sigterm_ends_every_process_within_ten_seconds(
    trained: Trained, tmp_path: Path, photographs: list[bytes], runtime: str
) -> None:
    ended(signal.SIGTERM, trained, tmp_path, photographs, runtime)


@TORCHSERVE_ONLY
def test_ctrl_c_ends_every_process_within_ten_seconds(
    trained: Trained, tmp_path: Path, photographs: list[bytes], runtime: str
) -> None:
    """Both signals are handled in one place, whatever the runtime."""
    ended(signal.SIGINT, trained, tmp_path, photographs, runtime)


def ended(
    number: signal.Signals, trained: Trained, tmp_path: Path, photographs: list[bytes], runtime: str
) -> None:
    """Start a server, have it answer, send it a signal; nothing of it is left."""
    ports = free_ports()
    process = serve(trained, tmp_path, ports, LESIONLENS_RUNTIME=runtime)
    try:
        lines = until_ready(process)
        url = f"http://127.0.0.1:{ports['inference_port']}"
        assert f"{url}/v1/models/melanoma:predict" in "\n".join(lines)
        assert httpx.post(url + RAW_PREDICT, content=photographs[0]).status_code == 200
        family = psutil.Process(process.pid).children(recursive=True)
        for name in PROCESSES[runtime]:
            assert any(name in " ".join(child.cmdline()) for child in family)
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
        _, alive = psutil.wait_procs(family, timeout=max(0.0, began + 10 - time.monotonic()))
        assert alive == []
    finally:
        process.kill()
        process.communicate()
    for port in ports.values():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))


def test_free_ports_are_distinct_and_outside_the_ephemeral_range() -> None:
    outgoing, _ = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    coming = free_ports()["grpc_management_port"] + 1
    with socket.create_server(("127.0.0.1", coming)):
        given = [port for _ in range(20) for port in free_ports().values()]

    assert coming not in given
    assert len(set(given)) == 100
    assert max(given) < int(outgoing)


def test_occupied_port_error_names_the_variable(trained: Trained, tmp_path: Path) -> None:
    ports = free_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports["metrics_port"]))
        taken.listen()
        process = serve(trained, tmp_path, ports)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f":{ports['metrics_port']} (Address already in use)" in output
    assert "LESIONLENS_METRICS_PORT" in output
    assert "Traceback" not in output


def test_missing_archive_error_names_make_archive(
    start: Callable[..., LocalServer], tmp_path: Path
) -> None:
    with pytest.raises(ServerError, match=r"melanoma.mar is missing: build it with `make archive`"):
        start(archive=tmp_path).__enter__()


def test_rejects_file_that_is_not_an_archive(
    start: Callable[..., LocalServer], tmp_path: Path
) -> None:
    (tmp_path / "melanoma.mar").write_bytes(b"not a zip")
    with pytest.raises(ServerError, match="is not a model archive: remove it"):
        start(archive=tmp_path).__enter__()


def test_rejects_temporary_folder_too_long_for_sockets(
    start: Callable[..., LocalServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 80)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with pytest.raises(ServerError, match=r"TMPDIR=.*x is too long .* at most 60 characters"):
        start().__enter__()


def test_archive_without_baseline_prevents_start(
    trained: Trained, start: Callable[..., LocalServer], tmp_path: Path
) -> None:
    with (
        zipfile.ZipFile(trained.store / "melanoma.mar") as whole,
        zipfile.ZipFile(tmp_path / "melanoma.mar", "w") as lacking,
    ):
        for name in whole.namelist():
            if name != "baseline.json":
                lacking.writestr(name, whole.read(name))
    with pytest.raises(ServerError, match=r"baseline\.json"):
        start(archive=tmp_path).__enter__()


@TORCHSERVE_ONLY
def test_management_listens_on_loopback_and_rejects_registration(server: LocalServer) -> None:
    listening = [
        connection.laddr
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr.port == server.settings.management_port
    ]
    assert listening
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    for address in (server.management, server.inference):
        for method, path in (
            ("POST", "/models?url=https://example.org/other.mar"),
            ("POST", "/models?url=melanoma.mar&model_name=other"),
            ("DELETE", "/models/melanoma"),
            ("POST", "/workflows?url=other.war"),
        ):
            assert httpx.request(method, address + path).status_code in (403, 404, 405)
    models = httpx.get(f"{server.management}/models").json()["models"]
    assert [model["modelName"] for model in models] == ["melanoma"]


def test_killed_worker_is_restarted(
    start: Callable[..., LocalServer], photographs: list[bytes]
) -> None:
    with start() as server:
        (worker,) = server.worker_pids()
        psutil.Process(worker).kill()

        reply = httpx.post(server.inference + RAW_PREDICT, content=photographs[0], timeout=60)

        assert reply.status_code == 200
        assert server.worker_pids() != [worker]


def test_library_threads_do_not_spin_in_workers(server: LocalServer) -> None:
    (worker,) = server.worker_pids()

    environment = psutil.Process(worker).environ()

    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert environment["OPENBLAS_NUM_THREADS"] == "1"


def test_serves_on_ipv6_only_and_ignores_proxy_variables(
    start: Callable[..., LocalServer], monkeypatch: pytest.MonkeyPatch, photographs: list[bytes]
) -> None:
    nobody = f"127.0.0.1:{free_ports()['inference_port']}"
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://{nobody}")
    for name in ("ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"socks5://{nobody}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    with start(host="::1", workers=1) as server:
        assert server.inference.startswith("http://[::1]:")
        url = server.inference + RAW_PREDICT
        reply = httpx.post(url, content=photographs[0], timeout=60, trust_env=False)
        assert reply.status_code == 200
        assert httpx.get(f"{server.metrics}/metrics", trust_env=False).is_success
    assert "not ready" not in server.console.read_text()

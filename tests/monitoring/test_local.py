"""Test ``make monitor``: Prometheus with the project's rules."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
import yaml

from monitoring.local.grafana import PROVISIONING, grafana
from monitoring.local.program import Endpoint, LocalError, Program
from monitoring.local.prometheus import Prometheus, Target, configuration
from monitoring.prometheus import files
from monitoring.settings import LocalSettings
from serving.settings import free_ports


def run(root: Path, variables: Mapping[str, str]) -> subprocess.Popen[str]:
    """Run the stack in a separate process."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("LESIONLENS_")}
    return subprocess.Popen(
        [sys.executable, "-m", "monitoring.local"],
        cwd=root,
        env=kept | dict(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def variables(folder: Path) -> dict[str, str]:
    ports = free_ports()
    return {
        "LESIONLENS_BUILD": str(folder),
        "LESIONLENS_PROMETHEUS_PORT": str(ports["inference_port"]),
        "LESIONLENS_GRAFANA_PORT": str(ports["management_port"]),
        "LESIONLENS_METRICS_PORT": str(ports["metrics_port"]),
        "LESIONLENS_SCRAPE_SECONDS": "1",
    }


def test_stack_starts_prints_its_addresses_and_stops(
    prometheus: str, root: Path, tmp_path: Path
) -> None:
    chosen = variables(tmp_path)
    process = run(root, chosen)
    try:
        assert process.stdout
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        address = f"http://127.0.0.1:{chosen['LESIONLENS_PROMETHEUS_PORT']}"
        assert f"prometheus  {address}/graph" in said
        assert f"{chosen['LESIONLENS_METRICS_PORT']}/metrics (nothing answers there yet" in said
        assert "`make serve`" in said
        groups = httpx.get(f"{address}/api/v1/rules").json()["data"]["groups"]
        loaded = {rule["name"] for group in groups for rule in group["rules"]}
        assert loaded == {name for name, _ in files.expressions()}
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=20)
        assert (process.returncode, rest) == (0, "stopped\n")
    finally:
        process.kill()
        process.communicate()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", int(chosen["LESIONLENS_PROMETHEUS_PORT"])))


def test_occupied_port_error_names_the_variable(
    prometheus: str, root: Path, tmp_path: Path
) -> None:
    chosen = variables(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(chosen["LESIONLENS_PROMETHEUS_PORT"])))
        taken.listen()
        output, _ = run(root, chosen).communicate(timeout=60)

    assert "set LESIONLENS_PROMETHEUS_PORT to another port" in output
    assert "Traceback" not in output


def test_missing_prometheus_error_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(LocalError, match="install Debian's package `prometheus`"):
        Prometheus(LocalSettings(build=tmp_path), [])


def test_failed_start_quotes_the_programs_last_error(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('bad option')"]
    endpoint = Endpoint("127.0.0.1", free_ports()["metrics_port"], "/ready")
    process = Program("thing", command, endpoint, log=tmp_path / "thing.log", seconds=30)

    with pytest.raises(LocalError, match="thing ended while starting: bad option"):
        process.__enter__()


def test_prometheus_accepts_the_configuration(promtool: str, tmp_path: Path) -> None:
    path = tmp_path / "prometheus.yaml"
    path.write_text(configuration(LocalSettings(), [Target("127.0.0.1:1"), Target("b:2", "b")]))

    ended = subprocess.run(
        [promtool, "check", "config", str(path)], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_grafana_gets_every_variable_of_its_provisioning(tmp_path: Path) -> None:
    started = grafana(LocalSettings(build=tmp_path), ["grafana"], "http://127.0.0.1:9090")
    given = started.environment

    for path in PROVISIONING.glob("*/*.yaml"):
        assert yaml.safe_load(path.read_text("utf-8"))["apiVersion"] == 1
        for name in re.findall(r"\$\{(\w+)\}", path.read_text("utf-8")):
            assert given[name], name
    assert Path(given["LESIONLENS_DASHBOARDS"], "drift.json").is_file()
    assert given["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"

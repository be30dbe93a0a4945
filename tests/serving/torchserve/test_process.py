"""Test the command and environment of TorchServe."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.torchserve import process
from serving.torchserve.process import Plan


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path / "release", tmp_path, ("-Xmx2g", "-Xmx300m"), 8081)


def test_command_names_all_paths(plan: Plan) -> None:
    command = process.command(plan)

    assert command[command.index("-f") + 1] == str(plan.release / "config/config.properties")
    assert command[command.index("-s") + 1] == str(plan.release / "model-store")
    assert command[command.index("--python") + 1] == str(process.WORKER)
    assert f"-Dlog4j.configurationFile=file://{plan.release}/config/log4j2.xml" in command
    assert f"-Djava.io.tmpdir={plan.scratch}" in command
    assert command[1:3] == ["-Xmx2g", "-Xmx300m"]


def test_requests_and_metrics_use_private_sockets(plan: Plan) -> None:
    addresses = process.environment(plan, {})

    assert addresses["TS_INFERENCE_ADDRESS"] == f"unix:{plan.scratch}/inference.sock"
    assert addresses["TS_METRICS_ADDRESS"] == f"unix:{plan.scratch}/metrics.sock"
    assert addresses["TS_MANAGEMENT_ADDRESS"] == "http://127.0.0.1:8081"


@pytest.mark.parametrize(
    "name",
    [
        *("PYTHONPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"),
        *("TS_LOAD_MODELS", "TS_CONFIG_FILE", "ts_model_store"),
    ],
)
def test_variables_cannot_override_verified_files(plan: Plan, name: str) -> None:
    found = process.environment(plan, {name: "/evil", "LESIONLENS_THREADS": "1"})

    assert "/evil" not in found.values()
    assert found["LESIONLENS_THREADS"] == "1"


def test_library_threads_do_not_spin(plan: Plan) -> None:
    given = {"OMP_WAIT_POLICY": "ACTIVE", "OPENBLAS_NUM_THREADS": "2"}

    ours = process.environment(plan, {})

    assert (ours["OMP_WAIT_POLICY"], ours["OPENBLAS_NUM_THREADS"]) == ("PASSIVE", "1")
    assert given.items() <= process.environment(plan, given).items()

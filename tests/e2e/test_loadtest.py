"""Test the load test against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from serving.local import LocalServer
from tests.e2e.conftest import Trained
from tests.e2e.environment import ROOT, without_settings


def loadtest(
    server: LocalServer, trained: Trained, folder: Path, objective: dict[str, float], *more: str
) -> subprocess.CompletedProcess[str]:
    plan = {
        "think_seconds": 0.2,
        "mix": {"predict": 3, "explain": 1},
        "shapes": {
            "quick": {
                "stages": [{"seconds": 2, "users": 4}, {"seconds": 1, "users": 2}],
                "objectives": {"predict": objective, "explain": objective},
            }
        },
    }
    (folder / "objectives.yaml").write_text(yaml.safe_dump(plan))
    variables = {
        "LESIONLENS_DATA": str(Path(trained.summary["example"]).parents[1]),
        "LESIONLENS_LOAD_OBJECTIVES": str(folder / "objectives.yaml"),
        "LESIONLENS_LOAD_SHAPE": "quick",
    }
    command = [
        *(sys.executable, "-m", "loadtests.run", "--host", server.inference),
        *("--metrics", server.metrics, "--report", str(folder / "report.html"), *more),
    ]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=without_settings(os.environ) | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_met_objectives_pass(server: LocalServer, trained: Trained, tmp_path: Path) -> None:
    easy = {"p50": 60_000, "p95": 60_000, "p99": 60_000, "error_rate": 0}

    done = loadtest(server, trained, tmp_path, easy, "--output", str(tmp_path / "result.json"))

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("  met    ") == 8
    assert "<html" in (tmp_path / "report.html").read_text(encoding="utf-8")
    result: dict[str, Any] = json.loads((tmp_path / "result.json").read_text())
    assert {verb: found["error_rate"] for verb, found in result["verbs"].items()} == {
        "predict": 0.0,
        "explain": 0.0,
    }
    assert result["verbs"]["predict"]["requests"] > result["verbs"]["explain"]["requests"] > 0


def test_impossible_objective_fails_and_is_named(
    server: LocalServer, trained: Trained, tmp_path: Path
) -> None:
    impossible = {"p50": 0.001, "p95": 60_000, "p99": 60_000, "error_rate": 0}

    done = loadtest(server, trained, tmp_path, impossible)

    assert done.returncode == 1, done.stdout + done.stderr
    missed = [line.split()[1:3] for line in done.stdout.splitlines() if "MISSED" in line]
    assert sorted(missed) == [["explain", "p50:"], ["predict", "p50:"]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"LESIONLENS_LOAD_SHAPE": "flat"}, "there is no shape 'flat'; there are: steady"),
        ({"LESIONLENS_LOAD_OBJECTIVES": "/nowhere.yaml"}, "/nowhere.yaml"),
        ({"LESIONLENS_DATA": "/nowhere"}, "no photograph in /nowhere"),
        ({"host": "127.0.0.1:8080"}, "write it as http://127.0.0.1:8080"),
        ({"host": "ftp://127.0.0.1:8080"}, "write it as http://127.0.0.1:8080"),
        ({"host": "http://127.0.0.1:8080/v1"}, "write it as http://127.0.0.1:8080"),
        ({}, "no answer from http://127.0.0.1:9 (ConnectError)"),
    ],
)
def test_names_what_is_missing(change: dict[str, str], said: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"never sent")
    host = change.pop("host", "http://127.0.0.1:9/")
    variables = {"LESIONLENS_DATA": str(tmp_path), **change}
    done = subprocess.run(
        [sys.executable, "-m", "loadtests.run", "--host", host],
        cwd=ROOT,
        env=without_settings(os.environ) | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr

"""Test that missing Prometheus fails tests in CI and skips them elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


WITH_PROMETHEUS = (
    "tests/monitoring/test_rules.py::test_promtool_accepts_the_rules",
    "tests/e2e/test_drift_live.py::test_every_expression_returns_series",
    "tests/monitoring/test_local.py::test_stack_starts_prints_its_addresses_and_stops",
)


def tried(root: Path, variables: dict[str, str], *tests: str) -> subprocess.CompletedProcess[str]:
    """Run tests without prometheus and promtool on the PATH."""
    environment = {name: text for name, text in os.environ.items() if name != "CI"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *tests],
        cwd=root,
        env=environment | {"PATH": "/nowhere"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def in_ci(root: Path) -> subprocess.CompletedProcess[str]:
    return tried(root, {"CI": "true"}, *WITH_PROMETHEUS)


@pytest.mark.parametrize("test", WITH_PROMETHEUS)
def test_a_missing_prometheus_fails_in_ci(
    in_ci: subprocess.CompletedProcess[str], test: str
) -> None:
    verdicts = [line for line in in_ci.stdout.splitlines() if re.match(rf"[A-Z]+ {test}\b", line)]

    assert in_ci.returncode == 1
    assert verdicts
    for verdict in verdicts:
        assert verdict.startswith(("ERROR ", "FAILED "))
        assert "CI may not leave its tests out" in verdict


def test_missing_prometheus_skips_tests_outside_ci(root: Path) -> None:
    ended = tried(root, {}, WITH_PROMETHEUS[0])

    assert ended.returncode == 0
    assert "promtool is missing: apt-get install prometheus" in ended.stdout


def test_ci_script_sets_ci_and_installs_prometheus(root: Path) -> None:
    script = (root / ".ci" / "run").read_text(encoding="utf-8")

    assert "export CI=true" in script
    assert "apt-get install -y -qq --no-install-recommends $packages" in script
    assert re.search(r'^packages="[^"]*\bprometheus\b', script, re.MULTILINE)

"""Run `make serve` as a process, and read its output until it is ready."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.conftest import Trained
from tests.e2e.environment import FORCED, ROOT, without_settings


def serve(
    trained: Trained, logs: Path, ports: Mapping[str, int], **more: str
) -> subprocess.Popen[str]:
    """Start with the trained archive; ``more`` are environment variables."""
    variables = {f"LESIONLENS_{name.upper()}": str(port) for name, port in ports.items()}
    variables |= {"LESIONLENS_ARCHIVE": str(trained.store), "LESIONLENS_LOGS": str(logs)}
    return subprocess.Popen(
        [sys.executable, "-m", "serving"],
        cwd=ROOT,
        env=without_settings(os.environ) | FORCED | variables | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until_ready(process: subprocess.Popen[str]) -> list[str]:
    """Wait until the server is ready, and return its output until then."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if line.startswith("Ctrl-C"):
            return lines
    pytest.fail(f"it ended before it was ready: {lines}")

"""The README's own lines, run as they stand against the server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from serving.torchserve import TorchServe
from tests.e2e.environment import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str, containing: str) -> list[str]:
    """Code blocks of a language that contain a text."""
    found = re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return [block for block in found if containing in block]


@pytest.fixture
def folder(tmp_path: Path, photographs: list[bytes]) -> Path:
    """Where a reader would stand: a photograph in an empty folder."""
    (tmp_path / "photo.jpg").write_bytes(photographs[0])
    return tmp_path


def at(server: TorchServe, text: str) -> str:
    assert "http://127.0.0.1:8080" in text
    return text.replace("http://127.0.0.1:8080", server.inference)


def test_the_curl_lines(server: TorchServe, folder: Path) -> None:
    assert shutil.which("curl"), "curl is missing: the README's lines need it"
    scripts = blocks("sh", "curl")
    assert len(scripts) == 2
    keys = []
    for script in scripts:
        for line in script.splitlines():
            command = line if "curl" not in line else at(server, line)
            done = subprocess.run(
                ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True
            )
            if "curl" in line:
                keys.append(set(json.loads(done.stdout)))
    assert keys[0] == {"predictions"}
    assert keys[1] == {"explanations"}
    assert "probability" in keys[2]
    assert {"overlay", "convergence_delta"} <= keys[3]


def test_the_python_block(server: TorchServe, folder: Path) -> None:
    (script,) = blocks("python", "InferenceRESTClient")
    done = subprocess.run(
        [sys.executable, "-c", at(server, script)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "'probability'" in done.stdout
    assert (folder / "overlay.png").read_bytes().startswith(b"\x89PNG")


def test_every_target_it_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", README)) | {"demo", "test", "train", "serve"}
    assert named <= targets

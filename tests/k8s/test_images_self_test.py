"""Test the self-test in the last step of the serving image's build."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from k8s.images import self_test

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("runtime", ["torchserve", "kserve"])
def test_checkout_passes_the_self_test(
    root: Path, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LESIONLENS_RUNTIME", runtime)
    self_test.run(root, root)


def test_failed_start_is_reported_with_its_log(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(self_test.SelfTestError, match="ended with status 1 before it was ready"):
        self_test.run(tmp_path, root)

    assert "No module named" in capsys.readouterr().out


def test_unimportable_torch_fails_the_step(root: Path, tmp_path: Path) -> None:
    package = tmp_path / "torch"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('libcudart.so.12: no such file')")

    done = subprocess.run(
        [sys.executable, "-m", "k8s.images.self_test", str(root)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.endswith("ImportError: libcudart.so.12: no such file\n")

"""``python -m serving.demo`` with nothing set and no network ends well and says what it used."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

from tests.e2e.environment import ROOT, without_settings


def test_the_demo_ends_well_on_the_embedded_default(tmp_path: Path) -> None:
    variables = {
        # Nobody listens there: every download fails at once, as on a machine without a network.
        **dict.fromkeys(("https_proxy", "http_proxy"), "http://127.0.0.1:9"),
        "no_proxy": "127.0.0.1",
        "HOME": str(tmp_path),  # no Kaggle set or weights of an earlier run
        "LESIONLENS_BUILD": str(tmp_path / "build"),
        "LESIONLENS_CACHE": str(tmp_path / "cache"),
        "LESIONLENS_ARCHIVE": str(tmp_path / "store"),
        "LESIONLENS_REPORTS": str(tmp_path / "reports"),
        "LESIONLENS_LOGS": str(tmp_path / "logs"),
        "LESIONLENS_SYNTHETIC_TRAIN": "24",
        "LESIONLENS_SYNTHETIC_TEST": "12",
    }
    done = subprocess.run(
        [sys.executable, "-m", "serving.demo"],
        cwd=ROOT,
        env=without_settings(os.environ) | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    said = done.stdout + done.stderr
    assert "EMBEDDED SYNTHETIC SET" in said
    assert "UNTRAINED" in said
    assert re.search(r"model version +│ synthetic-untrained-", said)
    for step in ("data", "features", "fit", "archive", "serve", "predict", "explain", "stop"):
        assert f"│ {step} " in done.stdout
    picture = Image.open(tmp_path / "reports" / "demo" / "explanation.png")
    assert picture.size == (968, 580)
    # Two photographs on white: neither half is blank.
    for left in (24, 496):
        assert len(picture.crop((left, 24, left + 448, 472)).convert("L").getcolors(256)) > 50

"""Upload page as a separate process, and a photograph with a secret."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from PIL import Image

from serving.settings import free_ports
from tests.e2e.environment import ROOT, without_settings

NAME = "SECRET-NAME.jpg"
SECONDS = 30


class Page:
    """Run ``python -m web`` on a free port, with its output."""

    def __init__(self, folder: Path, predictor: str, **variables: str) -> None:
        self.port = free_ports()["inference_port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self._log = folder / "page.log"
        settings = {"LESIONLENS_PAGE_PORT": str(self.port), "LESIONLENS_PREDICTOR_URL": predictor}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "web"],
                cwd=ROOT,
                env=without_settings(os.environ)
                | settings
                | {"TMPDIR": str(self.temporary)}
                | variables,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> None:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(f"{self.url}/healthz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        pytest.fail(f"the page did not start: {self.said()}")

    def upload(self, photograph: bytes) -> httpx.Response:
        files = {"photograph": (NAME, photograph, "image/jpeg")}
        return httpx.post(f"{self.url}/", files=files, timeout=120)

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")


@contextmanager
def running(folder: Path, predictor: str, **variables: str) -> Iterator[Page]:
    page = Page(folder, predictor, **variables)
    try:
        page.wait()
        yield page
    finally:
        page.process.kill()
        page.process.wait()


def with_position(photograph: bytes) -> bytes:
    """The same pixels with a GPS position and an EXIF rotation."""
    exif = Image.Exif()
    exif[0x0112] = 3
    exif.get_ifd(0x8825).update({1: "N", 2: (55.0, 40.0, 34.2)})
    buffer = io.BytesIO()
    upright = Image.open(io.BytesIO(photograph)).convert("RGB")
    upright.rotate(180).save(buffer, "PNG", exif=exif)
    return buffer.getvalue()

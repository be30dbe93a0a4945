"""Debian's Chromium, and the page as `make page` starts it, with a server of the archive."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
from playwright.sync_api import Browser, sync_playwright

from serving.local import LocalServer
from serving.settings import ServingSettings, free_ports

FLAGS: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
START_SECONDS: Final = 30


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """Run a headless browser; raises RuntimeError if none is installed.

    Args:
        *more: flags.
    """
    path = shutil.which("chromium")
    if path is None:
        raise RuntimeError("chromium is missing: apt-get install chromium")
    # As root, as containers run it, Chromium starts only without its sandbox.
    flags = [*FLAGS, *more, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served() -> Iterator[str]:
    """Run the page with a server of the archive; yields the page's address."""
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as logs:
        settings = ServingSettings(logs=Path(logs)).model_copy(update=free_ports())
        with LocalServer(settings) as server:
            server.wait_ready(settings.workers)
            port = free_ports()["inference_port"]
            variables = {
                "LESIONLENS_PAGE_PORT": str(port),
                "LESIONLENS_PREDICTOR_URL": server.inference,
            }
            page = subprocess.Popen([sys.executable, "-m", "web"], env=os.environ | variables)
            try:
                url = f"http://127.0.0.1:{port}"
                _wait(url, page)
                yield url
            finally:
                page.terminate()
                page.wait()


def _wait(url: str, page: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while page.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/healthz", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError("the page did not start; it says why above")

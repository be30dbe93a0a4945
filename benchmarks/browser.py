"""Debian's Chromium, and the page as `make page` starts it, with a server of the archive."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright

from loadtests.page import local_page
from serving.local import temporary_server

FLAGS: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


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
    with temporary_server(keyed=False) as server, tempfile.TemporaryDirectory() as scratch:
        with local_page(server.inference, Path(scratch)) as (port, _):
            yield f"http://127.0.0.1:{port}"

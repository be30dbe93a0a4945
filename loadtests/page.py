"""The upload page as `make page` starts it, on a free port."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from serving.local import answers
from serving.process import Process
from serving.settings import free_ports

START_SECONDS: Final = 30.0
"""Seconds that the page may take to start."""


@contextmanager
def local_page(predictor: str, folder: Path) -> Iterator[tuple[int, Path]]:
    """Run the page; yields its port on 127.0.0.1, and its log.

    Args:
        predictor: address of the server.
        folder: for the log and temporary files.

    Raises:
        RuntimeError: the page does not start.
    """
    port, log = free_ports()["inference_port"], folder / "page.log"
    variables = {
        "LESIONLENS_PAGE_PORT": str(port),
        "LESIONLENS_PREDICTOR_URL": predictor,
        "TMPDIR": str(folder),
    }
    page = Process([sys.executable, "-m", "web"], log, environment=os.environ | variables)
    try:
        if not page.wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), START_SECONDS):
            raise RuntimeError(f"the page did not start: {page.last_error}")
        yield port, log
    finally:
        page.stop(5)

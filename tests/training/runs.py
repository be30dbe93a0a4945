"""Helpers for tests of complete runs: a recording console, and a JSON reader."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console

from training.console import RunLog


def quiet() -> RunLog:
    return RunLog(Console(file=StringIO(), width=200))


def said(log: RunLog) -> str:
    assert isinstance(log.console.file, StringIO)
    return log.console.file.getvalue()


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document

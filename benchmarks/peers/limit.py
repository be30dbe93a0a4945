"""Lower limit of latency: decode and forward in one process, for each backend."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.contenders import SERVERS
from benchmarks.peers.server import defaults

Times = dict[str, list[float]]
"""Seconds of each photograph: of ``decode``, and of the forward pass of each backend."""


class Limit:
    """A process that decodes and classifies photographs and times both."""

    def __init__(self, archive: Path) -> None:
        """Start the process on an unpacked archive."""
        # Not serving.process: this one is talked to over its standard streams.
        self._process = subprocess.Popen(
            [sys.executable, str(SERVERS / "in_process.py"), str(archive)],
            env=defaults(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.chosen: str = self._read()["chosen"]
        """The backend that a server of the same archive runs."""

    def close(self) -> None:
        """Stop the process."""
        self._process.kill()
        self._process.communicate()

    def measure(self, texts: Sequence[str]) -> Times:
        """Time photographs, given as base64, each with every backend in turn."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(texts) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        return {"decode": answer["decode"], **answer["forward"]}

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process without a server has ended; its error is above")
        return json.loads(line)


def medians(rounds: Sequence[dict[str, Times]]) -> dict[str, object]:
    """Return median milliseconds by kind: decoding, each backend's forward pass, and both."""
    found: dict[str, object] = {}
    for kind in rounds[0]:
        names = rounds[0][kind]
        seen = {name: np.concatenate([one[kind][name] for one in rounds]) for name in names}
        decode = seen.pop("decode")
        found[kind] = {
            "decode_ms": _ms(decode),
            "forward_ms": {name: _ms(seconds) for name, seconds in seen.items()},
            "both_ms": {name: _ms(decode + seconds) for name, seconds in seen.items()},
        }
    return found


def _ms(seconds: np.ndarray) -> float:
    return round(1000 * float(np.median(seconds)), 2)

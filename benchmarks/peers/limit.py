"""Lower limit of latency: decode and forward in one process, for each backend."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.contenders import SERVERS
from benchmarks.peers.server import defaults


class Limit:
    """A process that decodes and classifies photographs and times both."""

    def __init__(self, archive: Path) -> None:
        """Start the process on an unpacked archive."""
        self._process = subprocess.Popen(
            [sys.executable, str(SERVERS / "in_process.py"), str(archive)],
            env=defaults(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        ready = self._read()
        self.chosen: str = ready["chosen"]
        """The backend that a server of the same archive runs."""
        self._seen: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def close(self) -> None:
        """Stop the process."""
        self._process.kill()
        self._process.communicate()

    def measure(self, kind: str, texts: list[str]) -> None:
        """Time photographs of a kind, each with every backend in turn."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(texts) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        seen = self._seen[kind]
        seen["decode"] += answer["decode"]
        for name, seconds in answer["forward"].items():
            seen[name] += seconds

    def result(self) -> dict[str, object]:
        """Return median milliseconds: decoding, the forward pass of each backend, and both."""
        found: dict[str, object] = {}
        for kind, seen in self._seen.items():
            decode = np.asarray(seen["decode"])
            found[kind] = {
                "decode_ms": _ms(decode),
                "forward_ms": {n: _ms(np.asarray(s)) for n, s in seen.items() if n != "decode"},
                "both_ms": {n: _ms(decode + s) for n, s in seen.items() if n != "decode"},
            }
        return found

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process without a server has ended; its error is above")
        return json.loads(line)


def _ms(seconds: np.ndarray) -> float:
    return round(1000 * float(np.median(seconds)), 2)

"""Run the shell and Python blocks of a page in order, like a reader.

It also does what a reader does without being told: stop a server before starting it again, and wait
until a started server answers.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

BLOCK: Final = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SESSION: Final = """\
import json, sys, traceback
names = {"__name__": "__main__"}
for line in sys.stdin:
    try:
        exec(compile(json.loads(line), "<page>", "exec"), names)
    except BaseException:
        traceback.print_exc(file=sys.stdout)
        print("FAILED", flush=True)
        break
    print("DONE", flush=True)
"""
PATIENCE: Final = 600.0
"""Seconds that a server may take to answer: `make serve` may train first."""


@dataclass(frozen=True)
class Block:
    """Fenced block of a page."""

    language: str
    text: str
    line: int
    """Where it begins in its page."""


def blocks(page: str) -> list[Block]:
    """Find all shell and Python blocks of a page, in order."""
    return [
        Block(found[1], found[2], page.count("\n", 0, found.start()) + 1)
        for found in BLOCK.finditer(page)
    ]


@dataclass
class Reader:
    """Reader with terminals in a folder."""

    folder: Path
    variables: Mapping[str, str]
    replaced: Mapping[str, str]
    """What a page can only give an example of, and what stands for it here: ports, paths."""
    answers: Mapping[str, tuple[str, str]]
    """Commands that go on until Ctrl-C; what each says, and the address that answers, when it is
    up: TorchServe answers pings before its worker does."""
    said: list[str] = field(default_factory=list)
    """What each block printed."""
    _exports: list[str] = field(default_factory=list)
    _servers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def read(self, page: str) -> None:
        """Run every block of a page until one fails."""
        with self._python() as python:
            for block in blocks(page):
                text = block.text
                for example, here in self.replaced.items():
                    text = text.replace(example, here)
                where = f"line {block.line}:\n{text}"
                if block.language == "python":
                    self.said.append(_typed(python, text, where))
                else:
                    self._shell(text, where)

    def close(self) -> None:
        """Stop every server like Ctrl-C."""
        for command in list(self._servers):
            self._end(command)

    def _shell(self, text: str, where: str) -> None:
        self._exports += re.findall(r"^export .*$", text, re.MULTILINE)
        script = "\n".join(["set -euo pipefail", *self._exports, text])
        for command, (words, address) in self.answers.items():
            if re.search(rf"^{re.escape(command)}\b", text, re.MULTILINE):
                self._serve(command, words, address, script, where)
                return
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=dict(self.variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{where}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        self.said.append(done.stdout + done.stderr)

    def _serve(self, command: str, words: str, address: str, script: str, where: str) -> None:
        name = command.split()[-1]
        self._end(name)
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.folder,
                env=dict(self.variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._servers[name] = process
        deadline = time.monotonic() + PATIENCE
        while True:
            ended = process.poll() is not None  # before its last words are read
            said = log.read_text(encoding="utf-8", errors="replace")
            if words in said and _answers(address):
                break
            assert not ended, f"{where}\n{said[-4000:]}"
            assert time.monotonic() < deadline, f"{where}\nnothing at {address}\n{said[-4000:]}"
            time.sleep(0.2)
        self.said.append(said)

    def _end(self, name: str) -> None:
        process = self._servers.pop(name, None)
        if process is None:
            return
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)

    @contextmanager
    def _python(self) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [sys.executable, "-c", SESSION],
            cwd=self.folder,
            env=dict(self.variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            yield process
            assert process.stdin is not None
            process.stdin.close()


def _typed(python: subprocess.Popen[str], text: str, where: str) -> str:
    assert python.stdin is not None
    assert python.stdout is not None
    python.stdin.write(json.dumps(text) + "\n")
    python.stdin.flush()
    said = []
    for line in python.stdout:
        if line == "DONE\n":
            return "".join(said)
        said.append(line)
    raise AssertionError(f"{where}\n{''.join(said)}")


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False

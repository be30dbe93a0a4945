"""Test the process wrapper: start, wait, last lines, and stopping the tree."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from serving.process import Process

SECONDS = 60.0
"""Deadline of what takes a moment."""
FAMILY = """
import subprocess, sys, time
child = [sys.executable, "-c", "import time; time.sleep(600)"]
subprocess.Popen(child)
subprocess.Popen(child, start_new_session=True)
print("started", flush=True)
time.sleep(600)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("started", flush=True)
time.sleep(600)
"""

COMMAND = """
import sys
from pathlib import Path
from serving.process import Process, exit_when_terminated
exit_when_terminated()
child = Process([sys.executable, "-c", "import time; time.sleep(600)"], Path(sys.argv[1]))
try:
    print("started", child.pid, flush=True)
    child.wait()
finally:
    child.stop(0)
"""

Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start Python with code; it is stopped at the end of the test."""
    started: list[Process] = []

    def run(code: str, **options: object) -> Process:
        log = options.pop("log", tmp_path / "log.txt")
        process = Process([sys.executable, "-c", code], log, **options)  # type: ignore[arg-type]
        started.append(process)
        return process

    yield run
    for process in started:
        process.stop(0)


def printed(process: Process) -> bool:
    return process.wait_until(lambda: "started" in process.lines(), SECONDS)


def test_uses_environment_and_folder(start: Start, tmp_path: Path) -> None:
    code = "import os; print(os.getcwd(), sorted(set(os.environ) & {'HOME', 'WORD'}))"
    process = start(code, environment={"WORD": "x"}, folder=tmp_path)

    assert process.wait(SECONDS) == 0
    assert process.lines() == [f"{tmp_path} ['WORD']"]


def test_input_is_empty_by_default(start: Start, tmp_path: Path) -> None:
    code = "import sys; print(sys.stdin.read())"
    (tmp_path / "input").write_text("some text")
    with (tmp_path / "input").open("rb") as stream:
        given = start(code, stdin=stream.fileno(), log=tmp_path / "given")
    empty = start(code, log=tmp_path / "empty")

    assert (given.wait(SECONDS), empty.wait(SECONDS)) == (0, 0)
    assert (given.lines(), empty.lines()) == (["some text"], [""])


def test_stream_gets_everything_and_the_last_lines_are_kept(start: Start) -> None:
    log = io.BytesIO()
    process = start("import sys; [print(n, file=sys.stderr) for n in range(1000)]", log=log)

    assert process.wait(SECONDS) == 0
    assert log.getvalue().decode().splitlines() == [str(number) for number in range(1000)]
    assert process.lines() == [str(number) for number in range(800, 1000)]


@pytest.mark.parametrize(
    ("signs", "expected"), [((), "the end"), (("Fatal", "Error"), "Error: b"), (("?",), "the end")]
)
def test_last_error_is_the_last_matching_line(
    start: Start, signs: tuple[str, ...], expected: str
) -> None:
    process = start("print('Error: a'); print('Error: b'); print(' the end '); print()")
    process.error_signs = signs

    process.wait(SECONDS)

    assert process.last_error == expected


def test_no_output_gives_no_error(start: Start) -> None:
    process = start("")

    assert process.wait(SECONDS) == 0
    assert process.last_error == "it printed nothing"


def test_wait_ends_at_readiness_deadline_or_exit(start: Start) -> None:
    assert printed(start(DEAF))
    assert not start(DEAF).wait_until(lambda: False, 0.2)
    ended = start("raise SystemExit(3)")
    assert not ended.wait_until(lambda: False, SECONDS)
    assert ended.status == 3


def test_wait_may_end_before_the_process(start: Start) -> None:
    assert start(DEAF).wait(0.01) is None


def test_stop_ends_the_whole_process_tree(start: Start) -> None:
    process = start(FAMILY)
    assert printed(process)
    tree = process.tree()
    assert len(tree) == 3

    process.stop(SECONDS)

    _, alive = psutil.wait_procs(tree, timeout=SECONDS)
    assert not alive
    assert process.tree() == []


def test_stop_kills_what_does_not_end(start: Start) -> None:
    process = start(DEAF)
    assert printed(process)

    process.stop(0.1)

    assert process.status == -9


def test_stop_kills_children_of_an_ended_process(start: Start) -> None:
    child = "[sys.executable, '-c', 'import time; time.sleep(600)']"
    process = start(f"import subprocess, sys; print(subprocess.Popen({child}).pid)")
    assert process.wait(SECONDS) == 0
    left = psutil.Process(int(process.lines()[0]))

    process.stop(0)

    left.wait(SECONDS)


def test_missing_program_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Process([str(tmp_path / "nothing")], tmp_path / "log")


def test_imports_nothing_heavy() -> None:
    code = "import sys, serving.process; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True
    )

    assert not {"torch", "numpy", "httpx", "pydantic"} & set(done.stdout.split())


def test_terminated_command_stops_what_it_started(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", COMMAND, str(tmp_path / "child.txt")]
    process = Process(command, tmp_path / "log.txt", folder=root)
    try:
        assert process.wait_until(lambda: bool(process.lines()), SECONDS)
        child = int(process.lines()[0].split()[1])
        os.kill(process.pid, signal.SIGTERM)

        assert process.wait(SECONDS) == 128 + signal.SIGTERM
        assert not psutil.pid_exists(child)
    finally:
        process.stop(0)

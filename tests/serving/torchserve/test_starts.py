"""Test that a worker that ends before it answers is counted with its error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Timer
from typing import Final

import pytest

from serving.heartbeats import PREFIX as HEARTBEAT
from serving.torchserve.process import WORKER
from serving.torchserve.starts import PREFIX, WorkerStarts

DEADLINE = 30
LOGGED = """\
import logging
import sys
logging.basicConfig(stream=sys.stdout)
def load():
    try:
        raise RuntimeError("no such layer")
    except RuntimeError:
        logging.exception("Failed to load model")
    raise RuntimeError("500 - Unknown exception")
try:
    load()
except Exception:
    logging.error("Backend worker process died.", exc_info=True)
sys.exit(1)
"""
"""How TorchServe's worker ends when the model does not load."""
KILLED: Final = LOGGED.replace(
    "sys.exit(1)", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
)
"""The same where TorchServe kills it first."""
HANGS = """\
import time

def wait():
    print("waits", flush=True); time.sleep(60)
wait()
"""
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start a worker with code, like TorchServe."""

    def started(code: str, name: str = "model_service_worker.py") -> subprocess.Popen[bytes]:
        script = tmp_path / "ts" / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(code, encoding="utf-8")
        return subprocess.Popen(
            [WORKER, script, "--sock-type", "unix"],
            env={**os.environ, "TMPDIR": str(tmp_path), "LESIONLENS_WORKER_PYTHON": sys.executable},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    return started


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise ImportError('libcudart.so.12: no such file')", "ImportError: libcudart.so.12: no"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("import sys; sys.exit('no licence')", "SystemExit: no licence"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "Segmentation fault at "),
        ("import os\n\nos.abort()", "model_service_worker.py line 3 in <module>"),
        ("import os; os._exit(3)", ""),
        (LOGGED, "RuntimeError: no such layer"),
        (KILLED, "RuntimeError: no such layer"),
        (
            "try:\n    import no_such\nexcept ImportError:\n    raise ValueError('no handler')",
            "ValueError: no handler (first: ModuleNotFoundError: No module named 'no_such')",
        ),
    ],
)
def test_records_error_of_a_worker_that_ends_at_once(
    start: Start, tmp_path: Path, code: str, words: str
) -> None:
    starts = WorkerStarts(tmp_path)
    worker = start(code)
    assert worker.communicate(timeout=DEADLINE)
    status = worker.returncode

    assert status != 0
    assert starts.failed(alive=set()) == {worker.pid}
    assert words in (said := starts.last_error({worker.pid}))
    assert bool(said) == bool(words)
    starts.forget({worker.pid})
    assert starts.pids() == set()


def test_records_where_a_worker_hangs(start: Start, tmp_path: Path) -> None:
    starts = WorkerStarts(tmp_path)
    worker = start(HANGS)
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"waits\n"

    assert starts.failed(alive={worker.pid}) == set()
    for _ in range(2):
        where = starts.whereabouts(worker.pid)
        assert where == f"{tmp_path}/ts/model_service_worker.py line 4 in wait"
        assert worker.poll() is None
    worker.kill()
    worker.communicate()


def test_worker_that_died_after_answering_is_not_counted(start: Start, tmp_path: Path) -> None:
    code = "import os\nfrom pathlib import Path\n"
    code += f"Path({str(tmp_path)!r}, f'{HEARTBEAT}{{os.getpid()}}').touch()\n"
    worker = start(code + "raise ValueError('a client sent this')")
    worker.communicate(timeout=DEADLINE)

    assert WorkerStarts(tmp_path).failed(alive=set()) == set()
    assert "client" not in (tmp_path / f"{PREFIX}{worker.pid}").read_text()


def test_counts_worker_whose_python_is_missing(tmp_path: Path) -> None:
    variables = {"TMPDIR": str(tmp_path), "LESIONLENS_WORKER_PYTHON": "/nowhere/python"}
    command = [WORKER, "/ts/model_service_worker.py"]
    worker = subprocess.Popen(command, env=variables, stderr=subprocess.DEVNULL)
    worker.wait(timeout=DEADLINE)

    assert WorkerStarts(tmp_path).failed(alive=set()) == {worker.pid}


def test_other_programs_are_not_counted(start: Start, tmp_path: Path) -> None:
    program = start("import sys; print(sys.argv[1:])", name="metric_collector.py")

    assert program.communicate(timeout=DEADLINE)[0] == b"['--sock-type', 'unix']\n"
    assert WorkerStarts(tmp_path).pids() == set()


def test_worker_gets_the_arguments_and_path_of_python(start: Start, tmp_path: Path) -> None:
    code = "import os, sys\nprint(__name__, sys.argv[1:], os.getpid(), *sys.path)"
    worker = start(code)
    name, *rest = worker.communicate(timeout=DEADLINE)[0].decode().split()

    assert name == "__main__"
    assert " ".join(rest).startswith(f"['--sock-type', 'unix'] {worker.pid} ")
    assert str(WORKER.parent) not in rest


def test_waits_for_unfinished_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"{PREFIX}7"
    whole = 'Stack (most recent call first):\n  File "/x/torch/__init__.py", line 12 in wait\n'
    path.write_text(whole[:-3])
    signals = []

    def kill(*given: int) -> None:
        signals.append(given)
        path.write_text(whole[:-3])
        Timer(0.1, path.write_text, (whole,)).start()

    monkeypatch.setattr(os, "kill", kill)

    assert WorkerStarts(tmp_path).whereabouts(7) == "/x/torch/__init__.py line 12 in wait"
    assert signals == [(7, signal.SIGUSR1)]


def test_reports_the_last_of_several_errors(tmp_path: Path) -> None:
    for age, (pid, words) in enumerate({12: "new", 13: "old", 11: "older"}.items()):
        path = tmp_path / f"{PREFIX}{pid}"
        path.write_text(words)
        os.utime(path, (time.time() - age, time.time() - age))

    starts = WorkerStarts(tmp_path)

    assert starts.last_error({11, 12, 13}) == "new"
    assert starts.last_error({11, 13}) == "old"
    assert starts.last_error(set()) == ""


def test_ended_worker_has_no_stack(tmp_path: Path) -> None:
    worker = subprocess.Popen([sys.executable, "-c", ""])
    worker.wait()
    (tmp_path / f"{PREFIX}{worker.pid}").touch()

    assert WorkerStarts(tmp_path).whereabouts(worker.pid) == ""
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL

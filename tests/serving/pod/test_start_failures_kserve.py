"""Test ``test_start_failures.py``'s cases with KServe's model server."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from serving.pod.errors import ExitCode
from tests.serving.pod.test_start_failures import GIVEN_UP_SECONDS, HANGS, IMPORTS, Pod, pod

__all__ = ["pod"]
pytestmark = pytest.mark.slow
KSERVE = {"LESIONLENS_RUNTIME": "kserve"}
DIES = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"


def test_unimportable_torch_ends_the_pod(pod: Callable[..., Pod]) -> None:
    with ExitStack() as stack:
        pods = [stack.enter_context(pod({"torch/__init__.py": code}, **KSERVE)) for code in IMPORTS]
        for broken, words in zip(pods, IMPORTS.values(), strict=True):
            status, message = broken.wait(GIVEN_UP_SECONDS)

            assert status == ExitCode.WORKER
            assert words.removeprefix("SystemExit: ").removesuffix(" at ") in message


def test_unloadable_archive_ends_the_pod(pod: Callable[..., Pod]) -> None:
    with pod({"card.json": "{}"}, **KSERVE) as broken:
        status, message = broken.wait(GIVEN_UP_SECONDS)

    assert status == ExitCode.WORKER
    assert message.startswith("error: the worker dies while it starts: ArchiveError: ")


def test_worker_death_while_loading_ends_the_pod(pod: Callable[..., Pod]) -> None:
    with pod({"openvino/__init__.py": "", "handlers/load_shedding.py": DIES}, **KSERVE) as broken:
        status, _ = broken.wait(GIVEN_UP_SECONDS)

    assert status == ExitCode.WORKER


def test_sigterm_while_loading_reports_the_hung_worker(pod: Callable[..., Pod]) -> None:
    with pod({"torch/__init__.py": HANGS}, **KSERVE) as hanging:
        hanging.wait_for("it hangs")
        hanging.process.send_signal(signal.SIGTERM)
        status, message = hanging.wait(GIVEN_UP_SECONDS)

    assert status == ExitCode.NOT_STARTED
    assert message.endswith("before a worker was ready: the workers' modules are being imported")


def test_worker_that_hangs_until_the_deadline_ends_the_pod(pod: Callable[..., Pod]) -> None:
    given = {"LESIONLENS_START_SECONDS": "8", **KSERVE}
    with pod({"torch/__init__.py": HANGS}, **given) as hanging:
        status, message = hanging.wait(GIVEN_UP_SECONDS)

    assert status == ExitCode.WORKER
    assert message.startswith("error: no worker was ready after 8 s: ")

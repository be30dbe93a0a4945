"""The command that TorchServe is started with, and what is remembered of its log."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from k8s.pod import frontend
from k8s.pod.frontend import Frontend
from k8s.pod.settings import PodSettings


@pytest.fixture
def settings(tmp_path: Path, root: Path) -> PodSettings:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/config").symlink_to(root / "model_store/config")
    return PodSettings(models=tmp_path / "models", scratch=tmp_path)


def test_it_is_told_where_everything_lies(settings: PodSettings) -> None:
    command = frontend.command(settings, ["-Xmx300m"])
    models = settings.models

    assert command[command.index("-f") + 1] == str(models / "config/config.properties")
    assert command[command.index("-s") + 1] == str(models / "model-store")
    assert command[command.index("--python") + 1] == sys.executable
    assert f"-Dlog4j.configurationFile=file://{models}/config/log4j2.xml" in command
    assert f"-Djava.io.tmpdir={settings.scratch}" in command


def test_less_memory_goes_after_what_the_configuration_says(settings: PodSettings) -> None:
    # Of an option that is given twice, Java takes the last.
    options = frontend.command(settings, ["-Xmx300m"])

    assert "-XX:+UseSerialGC" in options
    assert options.index("-Xmx300m") > options.index("-Xmx2g")


def test_only_requests_and_metrics_are_open_to_others(settings: PodSettings) -> None:
    addresses = frontend.environment(settings, {"PYTHONPATH": "/x", "LESIONLENS_THREADS": "1"})

    assert addresses["TS_INFERENCE_ADDRESS"] == "http://0.0.0.0:8080"
    assert addresses["TS_METRICS_ADDRESS"] == "http://0.0.0.0:8082"
    assert addresses["TS_MANAGEMENT_ADDRESS"] == "http://127.0.0.1:8081"
    assert addresses["LESIONLENS_THREADS"] == "1"
    assert "PYTHONPATH" not in addresses


def test_no_thread_of_a_library_spins(settings: PodSettings) -> None:
    given = {"OMP_WAIT_POLICY": "ACTIVE", "OPENBLAS_NUM_THREADS": "2"}

    own = frontend.environment(settings, {})

    assert (own["OMP_WAIT_POLICY"], own["OPENBLAS_NUM_THREADS"]) == ("PASSIVE", "1")
    assert given.items() <= frontend.environment(settings, given).items()


@pytest.mark.parametrize(
    ("log", "deaths", "words", "hopeless"),
    [
        ("Model server started.", 0, "it said nothing", False),
        (
            "x MODEL_LOG - handlers.ArchiveError: card.json is missing\n"
            "x MODEL_LOG - RuntimeError: later\nLoad model failed: melanoma",
            1,
            "handlers.ArchiveError: card.json is missing",
            True,
        ),
        ("x MODEL_LOG - MemoryError: 1\nLoad model failed: melanoma", 1, "MemoryError: 1", False),
    ],
)
def test_the_most_telling_line_is_remembered_and_the_log_passed_on(
    log: str,
    deaths: int,
    words: str,
    hopeless: bool,
    settings: PodSettings,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    said = [sys.executable, "-c", f"print({log!r})"]
    monkeypatch.setattr(frontend, "command", lambda *_: said)

    started = Frontend(settings, [])
    started._process.wait(timeout=20)
    started.stop(seconds=1)

    assert capfdbinary.readouterr().out.decode() == f"{log}\n"
    assert (started.deaths, started.last_words, started.hopeless) == (deaths, words, hopeless)


def test_what_does_not_end_is_killed_with_all_that_it_started(
    settings: PodSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.fork(); "
        "print('up', flush=True); time.sleep(600)"
    )
    monkeypatch.setattr(frontend, "command", lambda *_: [sys.executable, "-c", program])

    started = Frontend(settings, [])
    started.stop(seconds=0.2)

    assert started.status is not None
    # The log's pipe closes when the last of them is gone.
    started._reader.join(timeout=20)
    assert not started._reader.is_alive()

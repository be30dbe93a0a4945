"""MLflow records runs: complete or marked as failed, without telemetry, also two at once."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

from training import tracking
from training.tracking import Run, TrackingError, flat, record

pytestmark = pytest.mark.slow


if TYPE_CHECKING:
    from mlflow.entities import Run as Recorded

ROOT = Path(__file__).parents[2]
PARAMETERS = {"seed": 7, "strengths": (0.1, 1.0), "long": "x" * 9000}
METRICS = {"auroc.value": 0.91, "nothing": float("nan"), "endless": float("inf")}
TAGS = {"data_digest": "sha256:12ab"}
WORKER: Final = """
import json, sys
from training import tracking

tracking.record(sys.argv[1], tracking.Run(sys.argv[2], {}, {"n": 1.0}, {}))
from mlflow.telemetry import get_telemetry_client
from mlflow.telemetry.utils import is_telemetry_disabled

print(json.dumps([is_telemetry_disabled(), get_telemetry_client() is None]))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one run; making it takes seconds, so tests copy it."""
    folder = tmp_path_factory.mktemp("tracking")
    (folder / "summary.json").write_text('{"auroc": 0.91}')
    store = folder / "made for all"
    record(str(store), Run("train head", PARAMETERS, METRICS, TAGS, [folder / "summary.json"]))
    return store


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "store")


def runs(store: Path) -> list[Recorded]:
    """Newest first."""
    from mlflow import MlflowClient
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    address = f"sqlite:///{store / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=address)
    experiment = client.get_experiment_by_name("lesionlens")
    assert experiment is not None
    found = list(client.search_runs([experiment.experiment_id], order_by=["start_time DESC"]))
    SqlAlchemyStore._engine_map[address].dispose()
    return found


def test_recorded_run_is_read_back(made: Path) -> None:
    (run,) = runs(made)

    assert (run.info.run_name, run.info.status) == ("train head", "FINISHED")
    assert run.data.params == {"seed": "7", "strengths": "(0.1, 1.0)", "long": "x" * 6000}
    assert run.data.metrics == {"auroc.value": 0.91}
    assert run.data.tags["data_digest"] == "sha256:12ab"
    assert run.data.tags["not_finite"] == "endless, nothing"
    artefact = made / "artefacts" / run.info.run_id / "artifacts" / "summary.json"
    assert json.loads(artefact.read_text()) == {"auroc": 0.91}


def test_the_next_run_joins_the_first(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    identity = record(str(store), Run("report", {}, {"auroc": 0.5}, {}))

    found = {run.info.run_id: run for run in runs(store)}
    assert len(found) == 2
    assert (found[identity].info.run_name, found[identity].info.status) == ("report", "FINISHED")
    assert "not_finite" not in found[identity].data.tags
    assert capfd.readouterr() == ("", "")


def test_a_folder_that_was_emptied_is_a_new_store(store: Path) -> None:
    record(str(store), Run("before", {}, {}, {}))
    kept = shutil.copytree(store, store.with_name("kept"))
    shutil.rmtree(store)
    shutil.copytree(kept, store)

    record(str(store), Run("after", {}, {}, {}))

    assert [run.info.run_name for run in runs(store)] == ["after", "before", "train head"]


def test_the_first_run_is_silent_and_leaves_only_the_store(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO)
    levels = [logging.getLogger(name).level for name in ("mlflow", "alembic", "urllib3")]

    record("build/ml flow", Run("first", {}, {}, {}))

    assert (capfd.readouterr(), caplog.records) == (("", ""), [])
    assert levels == [logging.getLogger(name).level for name in ("mlflow", "alembic", "urllib3")]
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == [
        "build",
        "build/ml flow",
        "build/ml flow/mlflow.db",
    ]


def test_a_run_that_breaks_off_does_not_look_finished(store: Path, tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match=r"nowhere\.json"):
        record(str(store), Run("broken", {}, {"auroc": 0.5}, {}, [tmp_path / "nowhere.json"]))

    assert {run.info.run_name: run.info.status for run in runs(store)} == {
        "train head": "FINISHED",
        "broken": "FAILED",
    }


class _Interrupting:
    """A parameter during whose writing the user presses Ctrl-C."""

    def __str__(self) -> str:
        raise KeyboardInterrupt


def test_an_interrupt_stays_one_and_marks_the_run(store: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        record(str(store), Run("interrupted", {"a": _Interrupting()}, {}, {}))

    assert runs(store)[0].info.status == "FAILED"


def test_until_all_is_there_a_run_does_not_look_finished(store: Path) -> None:
    seen: list[str] = []

    class Watching:
        def __str__(self) -> str:
            seen.extend(run.info.status for run in runs(store) if run.info.run_name == "killed")
            return "watched"

    record(str(store), Run("killed", {"a": Watching()}, {}, {}))

    assert seen == ["RUNNING"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    store = tmp_path / "file" / "mlflow"

    with pytest.raises(TrackingError, match="make the folder writable") as caught:
        record(str(store), Run("train", {}, {}, {}))

    assert str(store) in str(caught.value)
    assert "LESIONLENS_TRACKING" in str(caught.value)


def test_a_file_that_is_not_a_database_is_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database " * 500)
    begun = time.monotonic()

    with pytest.raises(TrackingError, match="not a database"):
        record(str(tmp_path), Run("train", {}, {}, {}))

    assert time.monotonic() - begun < 20  # MLflow itself tries for 100 seconds


@pytest.mark.parametrize("name", ["50%25", "what?"])
def test_a_folder_that_mlflow_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TrackingError, match="MLflow takes no % and no"):
        record(str(tmp_path / name), Run("train", {}, {}, {}))

    assert list(tmp_path.iterdir()) == []


def test_a_store_of_another_version_is_reported_and_unchanged(store: Path) -> None:
    with sqlite3.connect(store / "mlflow.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'of_the_future'")
    connection.close()
    before = (store / "mlflow.db").read_bytes()

    with pytest.raises(TrackingError, match="another version of MLflow made this store"):
        record(str(store), Run("train", {}, {}, {}))

    assert (store / "mlflow.db").read_bytes() == before


def test_a_server_that_is_away_is_named_without_the_password(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    with pytest.raises(TrackingError, match="see that it runs") as caught:
        record("http://team:secret@127.0.0.1:1", Run("train", {}, {}, {}))

    assert "http://127.0.0.1:1" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_two_processes_make_one_store_and_neither_tells_anyone(tmp_path: Path) -> None:
    # Under pytest or on a build machine MLflow tells nothing anyway: here it must be the switch.
    kept = ("PATH", "HOME", "SYSTEMROOT", "TMPDIR")
    environment = {key: os.environ[key] for key in kept if key in os.environ}
    environment |= {"OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "false"}
    workers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WORKER, tmp_path, name],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    ends = [(*worker.communicate(timeout=120), worker.returncode) for worker in workers]

    assert ends == [("[true, true]\n", "", 0)] * 2
    found = runs(tmp_path)
    assert {(run.info.run_name, run.info.status) for run in found} == {
        ("one", "FINISHED"),
        ("two", "FINISHED"),
    }
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


def test_importing_this_does_not_import_mlflow() -> None:
    code = "import sys, training.tracking; sys.exit('mlflow' in sys.modules)"

    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"auroc": {"value": 0.9, "low": 0.8}}, {"auroc.value": 0.9, "auroc.low": 0.8}),
        ({"count": 3, "name": "x", "passes": True, "none": None, "list": [1]}, {"count": 3.0}),
        ({"a": np.float32(0.5), "b": np.int64(2), "c": np.bool_(True)}, {"a": 0.5, "b": 2.0}),
        ({1: {"x": 0.5}}, {"1.x": 0.5}),
        ({}, {}),
    ],
)
def test_flat_keeps_numbers_by_their_path(
    document: dict[Any, Any], expected: dict[str, float]
) -> None:
    assert flat(document) == expected
    assert all(type(value) is float for value in flat(document).values())


def test_flat_puts_a_prefix_before_the_path() -> None:
    assert flat({"auroc": {"value": 0.9}}, "test") == {"test.auroc.value": 0.9}


def test_the_experiment_is_the_one_that_is_documented() -> None:
    assert tracking.EXPERIMENT == "lesionlens"

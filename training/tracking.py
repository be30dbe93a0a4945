"""Record every run with MLflow: inputs and results, for comparison.

MLflow keeps the records, by default in an SQLite file of this checkout; its own pages show them:
``MLFLOW_DISABLE_TELEMETRY=true uvx mlflow ui --backend-store-uri sqlite:///build/mlflow/mlflow.db``.
Callers give counts and digests; no photograph and no path of one belongs in a record.
"""

from __future__ import annotations

import logging
import math
import os
import re
import sqlite3
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

# MLflow is imported late: that takes seconds, which commands without a record need not wait.
if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT: Final = "lesionlens"
"""MLflow's experiment of all runs."""

_ALWAYS: Final = {
    # No telemetry; MLflow heeds only "true" in the second.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # Only the training writes to the console.
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_UNLESS_SET: Final = {
    # MLflow's default timeouts are minutes, in which a finished training would seem to hang.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    # GitPython runs git when it is imported and complains where there is none.
    "GIT_PYTHON_REFRESH": "quiet",
}
_LOGGERS: Final = ("mlflow", "alembic", "sqlalchemy", "urllib3")


class TrackingError(RuntimeError):
    """The run was not recorded; its results are not affected."""


@dataclass(frozen=True)
class Run:
    """What is recorded of one run."""

    name: str
    """Such as ``train head``."""
    parameters: Mapping[str, object]
    """What the run was asked to do; MLflow cuts a value to 6000 characters."""
    numbers: Mapping[str, Any]
    """What came out, nested. MLflow would keep an infinity as the largest float, and a NaN draws as
    nothing: they are left out and named in the tag ``not_finite``."""
    tags: Mapping[str, str]
    """What to find the run by."""
    files: Sequence[Path] = ()
    """Small files to keep, each by its own name."""


def keep(store: str, run: Run, say: Callable[[str], None]) -> None:
    """Record a run whose results are written already: a failure is only reported.

    Args:
        store: as for :func:`record`; empty records nowhere.
        run: what is recorded.
        say: told why it was not recorded.
    """
    if store:
        try:
            record(store, run)
        except TrackingError as error:
            say(f"warning: {error}")


def record(store: str, run: Run) -> str:
    """Record one run; returns its id.

    It shows as finished only when all of it is there: as failed after an error, and as running
    for ever where the process was killed. Sets variables in this process's environment that keep
    MLflow from reporting to its makers.

    Args:
        store: a folder, which gets ``mlflow.db`` and ``artefacts/``, or whatever MLflow takes as a
            tracking URI, with ``://`` in it. Several processes may use one at the same time.
        run: what is recorded.

    Raises:
        TrackingError: naming the store and what can be done.
    """
    with _quiet():
        try:
            with _opened(store) as (client, artefacts):
                return _write(client, artefacts, run)
        except Exception as error:
            # MLflow raises any exception of its database and its HTTP client.
            raise TrackingError(_explained(store, error)) from error


def flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Flatten the numbers of a nested document by their path, ``{"auroc.value": 0.9}``.

    Truth values are no numbers, and what is in a list has no name: both are left out.
    """
    found: dict[str, float] = {}
    for key, value in document.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping):
            found |= flat(value, path)
        elif isinstance(value, Real) and not isinstance(value, bool):
            found[path] = float(value)
    return found


def _write(client: MlflowClient, artefacts: str | None, run: Run) -> str:
    from mlflow.entities import Metric, Param

    metrics = flat(run.numbers)
    left_out = ", ".join(sorted(key for key in metrics if not math.isfinite(metrics[key])))
    tags = {**run.tags, "not_finite": left_out} if left_out else dict(run.tags)
    now = int(time.time() * 1000)
    experiment = _experiment(client, artefacts)
    identity = str(client.create_run(experiment, tags=tags, run_name=run.name).info.run_id)
    try:
        client.log_batch(
            identity,
            [Metric(key, one, now, 0) for key, one in metrics.items() if math.isfinite(one)],
            [Param(key, str(value)) for key, value in run.parameters.items()],
        )
        for file in run.files:
            client.log_artifact(identity, str(file))
        client.set_terminated(identity)
    except BaseException:
        # A store that has just failed may fail again; report the first error.
        with suppress(Exception):
            client.set_terminated(identity, "FAILED")
        raise
    return identity


def _experiment(client: MlflowClient, artefacts: str | None) -> str:
    """Return the experiment's id; made if it does not exist."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        try:
            return str(client.create_experiment(EXPERIMENT, artefacts))
        except MlflowException:
            # Another process may have made it in between.
            found = client.get_experiment_by_name(EXPERIMENT)
            if found is None:
                raise
    return str(found.experiment_id)


@contextmanager
def _opened(store: str) -> Iterator[tuple[MlflowClient, str | None]]:
    """Return a client, and where the artefacts go; None if a server decides that."""
    from mlflow import MlflowClient

    if "://" in store:
        yield MlflowClient(tracking_uri=store), None
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    folder = Path(store).absolute()
    if re.search("[%?]", str(folder)):
        # Whether quoted or not, some part of MLflow looks in the wrong place.
        raise ValueError("MLflow takes no % and no ? in the name of a folder")
    database, artefacts = folder / "mlflow.db", (folder / "artefacts").as_uri()
    if not database.exists():
        # MLflow would make it in place, table by table: two processes would do so at once, and a
        # killed one would leave an incomplete database.
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".mlflow.", dir=folder) as temporary:
            new = Path(temporary) / database.name
            SqlAlchemyStore(f"sqlite:///{new}", artefacts).engine.dispose()
            try:
                os.link(new, database)
            except OSError:  # another process was first, or there are no hard links here
                if not database.exists():
                    new.replace(database)
    # An error now, where it is not writable or not a database: MLflow retries for minutes.
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=20)) as tried:
        tried.execute("BEGIN IMMEDIATE")
        tried.rollback()
    engine = SqlAlchemyStore(f"sqlite:///{database}", artefacts).engine
    try:
        yield MlflowClient(tracking_uri=f"sqlite:///{database}"), artefacts
    finally:
        # MLflow keeps connections open: to a file that may be deleted by then.
        engine.dispose()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow off the network and the console; exceptions contain what goes wrong."""
    os.environ.update(_ALWAYS)
    for key, value in _UNLESS_SET.items():
        os.environ.setdefault(key, value)
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            # MLflow's tables use a loader that SQLAlchemy is about to drop.
            warnings.filterwarnings("ignore", "The ``noload`` loader", DeprecationWarning)
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _explained(store: str, error: Exception) -> str:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    if "database schema" in reason:
        reason = "another version of MLflow made this store"
        remedy = "name another folder or server in LESIONLENS_TRACKING"
    elif "://" in store:
        remedy = "see that it runs, or name another server or a folder in LESIONLENS_TRACKING"
    else:
        remedy = "make the folder writable, or name another in LESIONLENS_TRACKING"
    # An address may hold a password.
    return re.sub(r"//[^/@\s]*@", "//", f"run not recorded in {store}: {reason}; {remedy}")

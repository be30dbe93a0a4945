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
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT: Final = "lesionlens"
"""MLflow's experiment of all runs."""
NOT_FINITE: Final = "not_finite"
"""Tag that names the metrics left out because they were not finite numbers."""

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
_BUSY: Final = 20.0
"""Seconds to wait for another process that writes; MLflow waits as long."""


class TrackingError(RuntimeError):
    """The run was not recorded; its results are not affected."""


def record(
    store: str,
    name: str,
    parameters: Mapping[str, object],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    files: Sequence[Path] = (),
) -> str:
    """Record one run; returns its id.

    It shows as finished only when all of it is there: as failed after an error, and as running
    for ever where the process was killed. Sets variables in this process's environment that keep
    MLflow from reporting to its makers.

    Args:
        store: a folder, which gets ``mlflow.db`` and ``artefacts/``, or whatever MLflow takes as a
            tracking URI, with ``://`` in it. Several processes may use one at the same time.
        name: of the run, such as ``train head``.
        parameters: what the run was asked to do; MLflow cuts a value to 6000 characters.
        metrics: numbers that came out. MLflow would keep an infinity as the largest float, and a
            NaN draws as nothing: they are left out and named in the tag ``not_finite``.
        tags: what to find the run by.
        files: small files to keep, each by its own name.

    Raises:
        TrackingError: naming the store and what can be done.
    """
    with _quiet():
        try:
            with _opened(store) as (client, artefacts):
                return _write(client, artefacts, name, parameters, metrics, tags, files)
        except Exception as error:
            # MLflow raises any exception of its database and its HTTP client.
            raise TrackingError(_explained(store, error)) from error


def keep(
    store: str,
    name: str,
    parameters: Mapping[str, object],
    numbers: Mapping[str, Any],
    tags: Mapping[str, str],
    files: Sequence[Path],
    say: Callable[[str], None],
) -> None:
    """Record a run whose results are written already: a failure is only reported.

    Args:
        store: as above; empty records nowhere.
        name: as for :func:`record`.
        parameters: as for :func:`record`.
        tags: as for :func:`record`.
        files: as for :func:`record`.
        numbers: what came out, nested.
        say: told why it was not recorded.
    """
    if not store:
        return
    try:
        record(store, name, parameters, flat(numbers), tags, files)
    except TrackingError as error:
        say(f"warning: {error}")


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


def _write(
    client: MlflowClient,
    artefacts: str | None,
    name: str,
    parameters: Mapping[str, object],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    files: Sequence[Path],
) -> str:
    from mlflow.entities import Metric, Param

    left_out = sorted(key for key, value in metrics.items() if not math.isfinite(value))
    known = {**tags, NOT_FINITE: ", ".join(left_out)} if left_out else tags
    now = int(time.time() * 1000)
    run = client.create_run(
        _experiment(client, artefacts), tags=dict(known), run_name=name
    ).info.run_id
    try:
        client.log_batch(
            run,
            [Metric(key, float(metrics[key]), now, 0) for key in metrics if key not in left_out],
            [Param(key, str(value)) for key, value in parameters.items()],
        )
        for file in files:
            client.log_artifact(run, str(file))
        client.set_terminated(run)
    except BaseException:
        # A store that has just failed may fail again; report the first error.
        with suppress(Exception):
            client.set_terminated(run, "FAILED")
        raise
    return str(run)


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
    # Imported late, because importing MLflow takes seconds that commands without a record, such
    # as --help, need not wait.
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
        _create(database, artefacts)
    _check(database)
    engine = SqlAlchemyStore(_uri(database), artefacts).engine
    try:
        yield MlflowClient(tracking_uri=_uri(database)), artefacts
    finally:
        # MLflow keeps connections open: to a file that may be deleted by then.
        engine.dispose()


def _create(database: Path, artefacts: str) -> None:
    """Make the database under a temporary name, and rename it when it is complete.

    MLflow would make it in place, table by table: two processes would do so at once, and a killed
    one would leave an incomplete database.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    database.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".mlflow.", dir=database.parent) as temporary:
        new = Path(temporary) / database.name
        SqlAlchemyStore(_uri(new), artefacts).engine.dispose()
        try:
            os.link(new, database)
        except OSError:
            # Another process was first, or there are no hard links here.
            if not database.exists():
                new.replace(database)


def _check(database: Path) -> None:
    """Raise at once if it is not writable or not a database: MLflow retries for minutes."""
    address = f"{database.as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=_BUSY)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.rollback()


def _uri(database: Path) -> str:
    return f"sqlite:///{database}"


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

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
# No telemetry (MLflow heeds only "true"), and nothing on the console but what the training says.
_ALWAYS: Final = {
    **dict.fromkeys(("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"), "true"),
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
# MLflow's timeouts are minutes, and GitPython complains on the console where there is no git.
_UNLESS_SET: Final = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "GIT_PYTHON_REFRESH": "quiet",
}


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
    os.environ.update({**_UNLESS_SET, **os.environ, **_ALWAYS})
    disabled = logging.root.manager.disable
    logging.disable()  # exceptions say what goes wrong
    try:
        with warnings.catch_warnings(), _opened(store) as (client, artefacts):
            return _write(client, artefacts, run)
    except Exception as error:
        # MLflow raises any exception of its database and its HTTP client.
        raise TrackingError(_explained(store, error)) from error
    finally:
        logging.disable(disabled)


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
    from mlflow.exceptions import MlflowException

    metrics = flat(run.numbers)
    finite = {key: value for key, value in metrics.items() if math.isfinite(value)}
    left_out = ", ".join(sorted(metrics.keys() - finite.keys()))
    tags = {**run.tags, **({"not_finite": left_out} if left_out else {})}
    with suppress(MlflowException):  # it exists
        if client.get_experiment_by_name(EXPERIMENT) is None:
            client.create_experiment(EXPERIMENT, artefacts)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None, "MLflow has made it"
    made = client.create_run(experiment.experiment_id, tags=tags, run_name=run.name)
    identity, now = str(made.info.run_id), int(time.time() * 1000)
    try:
        client.log_batch(
            identity,
            [Metric(key, value, now, 0) for key, value in finite.items()],
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


@contextmanager
def _opened(store: str) -> Iterator[tuple[MlflowClient, str | None]]:
    """Return a client, and where the artefacts go; None if a server decides that."""
    # MLflow's tables use a loader that SQLAlchemy is about to drop.
    warnings.filterwarnings("ignore", "The ``noload`` loader", DeprecationWarning)
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
    with closing(sqlite3.connect(database, timeout=20)) as tried:
        tried.execute("BEGIN IMMEDIATE")
        tried.rollback()
    engine = SqlAlchemyStore(f"sqlite:///{database}", artefacts).engine
    try:
        yield MlflowClient(tracking_uri=f"sqlite:///{database}"), artefacts
    finally:
        # MLflow keeps connections open: to a file that may be deleted by then.
        engine.dispose()


def _explained(store: str, error: Exception) -> str:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    remedy = "make the folder writable, or name another"
    if "database schema" in reason:
        reason, remedy = (
            "another version of MLflow made this store",
            "name another folder or server",
        )
    elif "://" in store:
        remedy = "see that it runs, or name another server or a folder"
    said = f"run not recorded in {store}: {reason}; {remedy} in LESIONLENS_TRACKING"
    return re.sub(r"//[^/@\s]*@", "//", said)  # an address may hold a password

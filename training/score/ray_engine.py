"""Engine on Ray Data: the same scorer as actors, on this machine's cores or on a cluster.

Autoscaling of the actors, and repeating what a lost one had, are Ray's. Installed only where it is
asked for (``make setup RAY=yes``).
"""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from training.score.engines import Result
from training.score.errors import ScoreError
from training.score.items import Chunk
from training.score.model import Identity
from training.score.scorer import Known, Options, Scorer, one_thread

ROOT: Final = Path(__file__).resolve().parents[2]
MAX_BLOCKS: Final = 10_000
"""Parts that Ray keeps an account of; a lost actor repeats the part that it had."""
MISSING: Final = "the package ray is missing: make setup RAY=yes"


@dataclass(frozen=True)
class Cluster:
    """Where the actors run."""

    address: str
    """Of a running cluster, or ``auto``; empty: a new one on this machine, which ends with us."""
    workers: int
    """Actors, one core each."""


def run(
    chunks: Iterable[Chunk],
    archive: Path,
    options: Options,
    known: Known,
    identity: Identity,
    cluster: Cluster,
) -> Iterator[Result]:
    """Score chunks; results come as they are ready, in any order.

    The list of photographs, 100 to 200 bytes for each, is in Ray's object store; the photographs
    themselves are only in the actors, which read them.

    Args:
        chunks: of photographs that every node can read by the same path or address.
        archive: path of ``melanoma.mar`` on this machine; Ray carries it to the others.
        options: what is computed.
        known: photographs that are not scored again.
        identity: that every actor must have.
        cluster: where the actors run.

    Raises:
        ScoreError: Ray is missing, or its cluster does not answer.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is reported to anybody
    try:
        import ray
    except ImportError:
        raise ScoreError(MISSING) from None
    _connect(ray, cluster)
    try:
        shared = ray.put(archive.read_bytes()), ray.put(known)
        rows = [{"chunk": pickle.dumps(chunk)} for chunk in chunks]
        if not rows:
            return
        blocks = min(len(rows), MAX_BLOCKS)
        actor: Any = _Actor  # Ray makes an instance in each process
        found = ray.data.from_items(rows, override_num_blocks=blocks).map(
            actor,
            fn_constructor_args=(shared, options, identity),
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=cluster.workers),
            num_cpus=1,
        )
        # Not fetched ahead: what is done is in the journal before the next part is waited for.
        batches: Iterator[Any] = iter(
            found.iter_batches(batch_size=None, prefetch_batches=0, batch_format="pyarrow")
        )
        for batch in batches:
            for result in batch["result"].to_pylist():
                yield pickle.loads(result)  # noqa: S301  # our own actors wrote it
    finally:
        ray.shutdown()


def _connect(ray: Any, cluster: Cluster) -> None:
    """Connect to a cluster, or start one that listens on loopback only."""
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    variables = {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    settings: dict[str, Any] = {
        "runtime_env": {"env_vars": variables},
        "logging_level": logging.WARNING,
        "log_to_driver": False,
    }
    if cluster.address:
        settings["address"] = cluster.address
    else:
        settings |= {"num_cpus": cluster.workers, "include_dashboard": False}
        settings["_node_ip_address"] = "127.0.0.1"
    try:
        ray.init(**settings)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ScoreError(f"Ray at {cluster.address or 'this machine'}: {error}") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False


class _Actor:
    """The scorer of one Ray actor."""

    def __init__(self, shared: tuple[Any, Any], options: Options, identity: Identity) -> None:
        import ray

        archive, known = ray.get(list(shared))
        with one_thread():
            self._scorer = Scorer(archive, options, known)
        own = self._scorer.identity(identity.archive)
        if own != identity:
            raise ScoreError(
                f"this node runs {own.variant} on {own.backend}, the others {identity.variant} on "
                f"{identity.backend}: name a pair that all can run with LESIONLENS_VARIANT and "
                "LESIONLENS_BACKEND"
            )

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Score the photographs of a row's chunk."""
        chunk: Chunk = pickle.loads(row["chunk"])  # noqa: S301  # our own driver wrote it
        with one_thread():
            return {"result": pickle.dumps((chunk, self._scorer.score(chunk.items)))}

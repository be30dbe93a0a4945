"""One run: list, score, write; what was scored before is never scored again."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Final

from handlers import threads
from training.console import RunLog
from training.score import model, output, sources
from training.score.engines import Chunk, Processes, Result, in_process
from training.score.items import Item
from training.score.journal import Journal
from training.score.scorer import Known, Options, Scorer

CHUNK: Final = 32
"""Photographs that a worker gets at a time, and that an interruption may cost each of them."""
NAMED: Final = 20
"""Unreadable files that are named on the console; the output names all."""


@dataclass(frozen=True)
class Job:
    """What is scored, with what, to where."""

    source: str
    """Folder, pattern, archive file or table, as a path or an address."""
    output: Path
    archive: Path
    """Path of ``melanoma.mar``."""
    options: Options
    workers: int = 0
    """Processes; 0: one for each core."""
    shard: tuple[int, int] | None = None
    """Which part of how many, by name: for several machines without an engine."""

    @property
    def journal(self) -> Path:
        """Path of the journal, next to the output."""
        return self.output.with_name(f"{self.output.name}.journal")


@dataclass
class Summary:
    """What came of a run."""

    photographs: int = 0
    known: int = 0
    """Photographs that were not scored again: their content has an answer."""
    unreadable: int = 0
    """Photographs without an answer."""
    named: list[tuple[str, str]] = field(default_factory=list)
    """Path and reason of the first of them."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Files that are no photographs, by reason."""


def run(job: Job, log: RunLog) -> Summary:
    """Score an input and write the output.

    Raises:
        ScoreError: the input, the output or the archive cannot be used.
    """
    output.check(job.output, job.options.features)
    one_thread_each()
    scorer = Scorer(job.archive, job.options, Known())
    identity = scorer.identity(model.digest_of(job.archive))
    summary = Summary()
    with Journal(job.journal, identity) as journal:
        for group in output.earlier(job.output, identity):
            journal.know(group)
        job = replace(job, options=_fixed(job.options, identity))
        results = _results(job, scorer, Known(journal.digests()), _chunks(job, summary.left_out))
        with log.step("score"):
            _collect(results, journal, summary, _total(job), log)
        output.write(job.output, journal.rows(), identity, job.source)
        for path, reason in journal.failures():
            summary.unreadable += 1
            if summary.unreadable <= NAMED:
                summary.named.append((path, reason))
        journal.remove()
    return summary


def one_thread_each() -> None:
    """Set the numerical libraries to one thread, also in processes that are started later."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"


def _fixed(options: Options, identity: model.Identity) -> Options:
    """Name variant and backend: no worker may choose others."""
    named = replace(options.settings, variant=identity.variant, backend=identity.backend)
    return replace(options, settings=named)


def _results(job: Job, scorer: Scorer, known: Known, chunks: Iterator[Chunk]) -> Iterator[Result]:
    """Choose the engine: processes are started where there is something for two of them."""
    first = list(islice(chunks, 2))
    workers = min(job.workers or threads.cores(), len(first) * threads.cores())
    if len(first) < 2 or workers == 1:
        scorer.known = known
        return in_process(scorer, chain(first, chunks))
    scorer.close()
    return Processes(workers, job.archive, job.options, known).run(chain(first, chunks))


def _collect(
    results: Iterator[Result], journal: Journal, summary: Summary, total: int | None, log: RunLog
) -> None:
    for chunk, scored in results:
        journal.add(chunk.first, chunk.items, scored)
        summary.photographs += len(scored)
        summary.known += sum(bool(one.sha256) and one.answer is None for one in scored)
        log.progress("score", summary.photographs, total or summary.photographs)


def _items(job: Job, left_out: sources.LeftOut) -> Iterator[Item]:
    """Yield the photographs of this job's part of the input."""
    for item in sources.items(job.source, left_out):
        if job.shard is None or zlib.crc32(item.path.encode()) % job.shard[1] == job.shard[0]:
            yield item


def _chunks(job: Job, left_out: Counter[str]) -> Iterator[Chunk]:
    found = _items(job, lambda path, reason: left_out.update([reason]))
    first = 0
    while chunk := list(islice(found, CHUNK)):
        yield Chunk(first, chunk)
        first += len(chunk)


def _total(job: Job) -> int | None:
    """Count the photographs beforehand, for the progress; not in a bucket, where it takes long."""
    if "://" in job.source:
        return None
    return sum(1 for _ in _items(job, lambda path, reason: None))

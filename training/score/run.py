"""One run: list, score, write; what was scored before is never scored again."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Final

from handlers import threads
from training.console import RunLog
from training.score import model, output, ray_engine, sources
from training.score.engines import Processes, Result, in_process
from training.score.errors import ScoreError
from training.score.items import Chunk, Item
from training.score.journal import Journal
from training.score.scorer import Known, Options, Scorer, one_thread

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
    ray: str | None = None
    """Address of a Ray cluster; empty: a new one on this machine; None: no Ray."""
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
    _check_pictures(job)
    with one_thread():
        return _run(job, Scorer(job.archive, job.options, Known()), log)


def _run(job: Job, scorer: Scorer, log: RunLog) -> Summary:
    identity = scorer.identity(model.digest_of(job.archive))
    summary = Summary()
    with closing(scorer), Journal(job.journal, identity) as journal:
        for group in output.earlier(job.output, identity):
            journal.know(group)
        job = replace(job, options=_fixed(job.options, identity))
        chunks = _chunks(job, summary.left_out)
        results = _results(job, scorer, identity, Known(journal.keys()), chunks)
        with log.step("score"):
            _collect(results, journal, summary, _total(job), log)
        if not summary.photographs and job.shard is None:
            journal.remove()
            others = summary.left_out.total()
            raise ScoreError(f"no photograph in {job.source} ({others} other files)")
        output.write(job.output, journal.rows(), identity, job.source)
        for path, reason in journal.failures():
            summary.unreadable += 1
            if summary.unreadable <= NAMED:
                summary.named.append((path, reason))
        journal.remove()
    return summary


def _check_pictures(job: Job) -> None:
    """Check that no heat map becomes a photograph of the next run."""
    folder, pictures = Path(job.source), job.options.pictures
    if pictures and folder.is_dir() and pictures.resolve().is_relative_to(folder.resolve()):
        raise ScoreError(f"the heat maps would lie in {folder}: name an output outside of it")


def _fixed(options: Options, identity: model.Identity) -> Options:
    """Name variant and backend: no worker may choose others."""
    named = replace(options.settings, variant=identity.variant, backend=identity.backend)
    return replace(options, settings=named)


def _results(
    job: Job, scorer: Scorer, identity: model.Identity, known: Known, chunks: Iterator[Chunk]
) -> Iterator[Result]:
    """Choose the engine: processes are started where there is something for two of them."""
    workers = job.workers or threads.cores()
    if job.ray is not None:
        cluster = ray_engine.Cluster(job.ray, workers)
        return ray_engine.run(chunks, job.archive, job.options, known, identity, cluster)
    first = list(islice(chunks, 2))
    if len(first) < 2 or workers == 1:
        scorer.known = known
        return in_process(scorer, chain(first, chunks))
    return Processes(workers, job.archive, job.options, known).run(chain(first, chunks))


def _collect(
    results: Iterator[Result], journal: Journal, summary: Summary, total: int | None, log: RunLog
) -> None:
    for chunk, scored in results:
        journal.add(chunk.first, chunk.items, scored)
        summary.photographs += len(scored)
        summary.known += sum(bool(one.sha256) and one.answer is None for one in scored)
        log.progress("score", summary.photographs, total or summary.photographs)


def photographs(job: Job, left_out: sources.LeftOut) -> Iterator[Item]:
    """Yield the photographs of this job's part of the input."""
    for item in sources.items(job.source, left_out):
        if job.shard is None or zlib.crc32(item.path.encode()) % job.shard[1] == job.shard[0]:
            yield item


def _chunks(job: Job, left_out: Counter[str]) -> Iterator[Chunk]:
    found = photographs(job, lambda path, reason: left_out.update([reason]))
    first = 0
    while chunk := list(islice(found, CHUNK)):
        yield Chunk(first, chunk)
        first += len(chunk)


def _total(job: Job) -> int | None:
    """Count the photographs beforehand, for the progress; not in a bucket, where it takes long."""
    if "://" in job.source:
        return None
    return sum(1 for _ in photographs(job, lambda path, reason: None))

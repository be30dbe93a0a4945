"""``make benchmark NAME=score``: scoring compared with the service, and with the in-process limit.

Every photograph of ``LESIONLENS_DATA`` (else synthetic ones) is scored and sent to a local server:
equal means equal in every field, to the last digit. Then a tar file of synthetic photographs is
scored; the limit is decoding and classifying alone, in as many processes, with nothing read,
listed or written. The limit is measured before and after, so that both see the same machine.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import resource
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from PIL import Image
from pyarrow import parquet
from rich.progress import track

from benchmarks.client import client_of
from handlers import photograph_files, threads
from handlers.imaging import decode
from handlers.settings import HandlerSettings
from loadtests.settings import key_headers
from serving.local import MODEL, temporary_server
from serving.settings import ServingSettings
from training.score.rows import ANSWER
from training.score.scorer import Known, Options, Scorer, one_thread
from training.synthetic import draw

DRAWN: Final = 50
"""Different pictures of a class; each file is one of them with a comment of its own."""
LIMIT_SECONDS: Final = 60.0
"""Seconds of each of the two measurements of the limit."""
RAY_SHARE: Final = 20
"""One of so many photographs is scored by both engines."""
WANTED: Final = 0.85
"""Share of the limit that scoring must reach."""
GROWTH: Final = 0.1
"""Share by which the memory may grow from the second fifth of the run to the last."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the number of synthetic photographs."""
    parser.add_argument("--photographs", type=int, default=20_000, help="synthetic ones")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Compare answers with the service's, then time and memory with the limit."""
    archive = (ServingSettings().archive / f"{MODEL}.mar").resolve()
    pictures = _pictures()
    with tempfile.TemporaryDirectory(prefix="lesionlens-", dir=_scratch()) as folder:
        scratch = Path(folder)
        equality = _equality(scratch, pictures)
        source = _packed(scratch / "photographs.tar", pictures, options.photographs)
        before = _limit(archive, pictures)
        scored = _scored(source, scratch / "scores.parquet")
        after = _limit(archive, pictures)
        few = _packed(scratch / "few.tar", pictures, max(1, options.photographs // RAY_SHARE))
        engines = _engines(few, scratch) if find_spec("ray") else None
    limit = {name: round((before[name] + after[name]) / 2, 3) for name in before}
    return {
        "equality": equality,
        "limit": limit,
        "scored": scored,
        "share_of_limit": round(scored["per_second"] / limit["per_second"], 3),
        "share_of_limit_cpu": round(limit["cpu_ms"] / scored["cpu_ms"], 3),
        "engines": engines,
    }


def failures(result: dict[str, Any]) -> list[str]:
    """Return what is not as it must be."""
    found = []
    if result["equality"]["different"]:
        found.append(f"{result['equality']['different']} rows differ from the service's answers")
    if result["share_of_limit"] < WANTED:
        found.append(f"{result['share_of_limit']} of the in-process limit, below {WANTED}")
    if result["scored"]["memory"]["growth"] > GROWTH:
        found.append(f"memory grew by {result['scored']['memory']['growth']:.0%}")
    return found


def _scratch() -> Path:
    folder = Path("build")
    folder.mkdir(exist_ok=True)
    return folder


def _pictures() -> list[bytes]:
    found = []
    for seed in range(2 * DRAWN):
        stream = io.BytesIO()
        Image.fromarray(draw(seed, seed % 2).image).save(stream, "JPEG", quality=90)
        found.append(stream.getvalue())
    return found


def _packed(path: Path, pictures: Sequence[bytes], count: int) -> Path:
    """Write so many different JPEG files to a tar file."""
    with tarfile.open(path, "w") as packed:
        for number in range(count):
            comment = b"%012d" % number
            start, rest = pictures[number % len(pictures)][:2], pictures[number % len(pictures)][2:]
            data = start + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + rest
            header = tarfile.TarInfo(f"{number:08d}.jpg")
            header.size = len(data)
            packed.addfile(header, io.BytesIO(data))
    return path


def _equality(scratch: Path, pictures: Sequence[bytes]) -> dict[str, Any]:
    """Score real photographs, or synthetic ones without them, and ask a server for each."""
    data = ServingSettings().data
    if data is None:
        folder = scratch / "photographs"
        folder.mkdir()
        for number, picture in enumerate(pictures):
            (folder / f"{number}.jpg").write_bytes(picture)
        paths = photograph_files.find(folder).photographs
    else:
        paths = tuple(
            path
            for split in ("train", "test")
            for path in photograph_files.find(data / split).photographs
        )
    table = scratch / "photographs.csv"
    table.write_text("path\n" + "".join(f'"{path.resolve()}"\n' for path in paths), "utf-8")
    output = scratch / "equality.parquet"
    _command(table, output)
    rows = parquet.read_table(output).to_pylist()
    different = 0
    with temporary_server() as server, client_of(server.inference) as client:
        for row in track(rows, description="served answers", transient=True):
            reply = client.post(
                f"/predictions/{MODEL}",
                content=Path(row["path"]).read_bytes(),
                headers=key_headers(),
            )
            answer = reply.json()
            own = {field.name: row[field.name] for field in ANSWER}
            same = answer == (own if reply.is_success else {"error": row["error"]})
            different += not same
    return {
        "photographs": len(rows),
        "source": "synthetic" if data is None else "folder",
        "runtime": server.settings.runtime,
        "variant": next(row["variant"] for row in rows if row["variant"]),
        "different": different,
    }


def _command(source: Path, output: Path, *options: str) -> None:
    command = [sys.executable, "-m", "training.score", str(source), str(output), *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _engines(source: Path, scratch: Path) -> dict[str, Any]:
    """Time both engines on the same photographs, each twice in turn, and compare their files."""
    seconds: dict[str, list[float]] = {"processes": [], "ray": []}
    outputs = {name: scratch / f"{name}.parquet" for name in seconds}
    for _ in range(2):
        for name, output in outputs.items():
            output.unlink(missing_ok=True)
            start = time.perf_counter()
            _command(source, output, "--engine", name)
            seconds[name].append(round(time.perf_counter() - start, 1))
    count = parquet.ParquetFile(outputs["ray"]).metadata.num_rows
    return {
        "photographs": count,
        "seconds": seconds,
        "same_file": outputs["ray"].read_bytes() == outputs["processes"].read_bytes(),
    }


def _scored(source: Path, output: Path) -> dict[str, Any]:
    """Time the command as a user runs it, start included; sample the memory of its processes."""
    before = _cpu_of_children()
    start = time.perf_counter()
    with _sampled() as samples:
        _command(source, output)
    seconds = time.perf_counter() - start
    count = parquet.ParquetFile(output).metadata.num_rows
    fifth = max(1, len(samples) // 5)
    early, late = (
        float(np.median(part)) for part in (samples[fifth : 2 * fifth], samples[-fifth:])
    )
    return {
        "photographs": count,
        "workers": threads.cores(),
        "seconds": round(seconds, 1),
        "per_second": round(count / seconds, 2),
        "cpu_ms": round(1000 * (_cpu_of_children() - before) / count, 3),
        "memory": {
            "second_fifth_mb": round(early / 1e6),
            "last_fifth_mb": round(late / 1e6),
            "growth": round(late / early - 1, 4),
        },
        "output_mb": round(output.stat().st_size / 1e6, 2),
    }


@contextmanager
def _sampled() -> Iterator[list[float]]:
    """Sample the memory of this process's children, in bytes that no two of them share."""
    samples: list[float] = []
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(1):
            total = 0.0
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    total += child.memory_full_info().uss
            samples.append(total)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _limit(archive: Path, pictures: Sequence[bytes]) -> dict[str, float]:
    """Decode and classify pictures in memory, on every core."""
    cores = threads.cores()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, context) as pool:
        found = list(pool.map(_classified, [archive] * cores, [pictures] * cores))
    return {
        "per_second": sum(count / seconds for count, seconds, _ in found),
        "cpu_ms": 1000 * sum(cpu for _, _, cpu in found) / sum(count for count, _, _ in found),
    }


def _classified(archive: Path, pictures: Sequence[bytes]) -> tuple[int, float, float]:
    """Return photographs, seconds and processor seconds of one process."""
    with one_thread(), closing(Scorer(archive, Options(HandlerSettings()), Known())) as scorer:
        classifier = scorer.classifier
        classifier.warm_up()
        count, start, cpu = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - start < LIMIT_SECONDS:
            images = (classifier.preprocess(decode(data)) for data in pictures)
            count += sum(1 for _ in classifier.classify(images))
        return count, time.perf_counter() - start, time.process_time() - cpu

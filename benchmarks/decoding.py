"""``make benchmark NAME=decoding``: cost of hostile files for the decoder of service and page.

Each row is a request in a separate process: its body is parsed, its budget checked, its pictures
decoded and cropped. The unit is the cost of a phone's photograph. HEIC and AVIF, which are optional
and may cost more, have a separate result (``NAME=decoding_heif``).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image
from rich.progress import track

from benchmarks import decode_child
from handlers import budget, decoding, protocol
from handlers.structure import LIMITS, ImageError, formats
from handlers.structure.costs import HEIF_MAX_COST, MAX_COST
from loadtests.hostile import files, heifs
from loadtests.hostile.files import body
from loadtests.hostile.jpegs import encoded, phone_photograph

REPEATS: Final = 5
"""Processes per row; the lowest processor time counts, because the rest is other load."""


class Most(NamedTuple):
    """Maximum cost of a row, in multiples of the phone's photograph."""

    seconds: float
    """Multiples of its processor seconds."""
    memory: float
    """Multiples of its peak memory, without a unit."""


class Run(NamedTuple):
    """Cost of one request in its process."""

    seconds: float
    """Processor seconds."""
    peak_mb: float
    outcome: str


@dataclass(frozen=True)
class Row:
    """Cost of one kind of request, compared with the phone's photograph."""

    bytes: int
    seconds: float
    """Processor seconds."""
    times: float
    """Multiple of the phone's processor seconds, without a unit."""
    peak_mb: float
    times_memory: float
    """Multiple of the phone's peak memory, without a unit."""
    outcome: str


MOST: Final = Most(4.0, 4.0)
MOST_HEIF: Final = Most(10.0, 4.0)
PHONE: Final = "phone photograph, 12 megapixels"
BYTES: Final = 20_000_000
"""Maximum bytes of a body; a larger file is sent to the raw route."""


def requests(heif: bool = False) -> dict[str, Callable[[], bytes]]:
    """Return functions that make the bodies of all rows, by name; the phone's photograph first.

    Args:
        heif: those of HEIC and AVIF instead of the others.
    """
    single = {PHONE: phone_photograph} | (heifs.files() if heif else files.makers())
    rows: dict[str, Callable[[], bytes]] = {
        name: partial(_made_alone, make) for name, make in single.items()
    }
    return rows if heif else rows | files.body_makers()


def _made_alone(make: Callable[[], bytes]) -> bytes:
    return _alone(make())


def _alone(image: bytes) -> bytes:
    document = body([image])
    return document if len(document) <= BYTES else image


def outcome(document: bytes) -> str:
    """Process a body up to the model; returns ``accepted``, or the error."""
    try:
        request = protocol.parse(protocol.RawRequest(document, "predict"))
        budget.check(request, LIMITS)
        for instance in request.instances:
            decoding.centre_view(decoding.decode(instance.image))
    except (protocol.RequestError, ImageError) as error:
        return str(error)
    return "accepted"


def run_row(path: Path) -> Run:
    """Process the body in a file, in this process."""
    picture = Image.new("RGB", (64, 64))
    for name in ("JPEG", "PNG", "WEBP"):  # modules that are imported at first use
        outcome(body([encoded(picture, name)]))
    if formats.heif_enabled():
        import_module(formats.HEIF_PACKAGE)
        import_module("PIL.AvifImagePlugin")
    document = path.read_bytes()
    start = time.process_time()
    result = outcome(document)
    seconds = time.process_time() - start
    return Run(seconds, _peak_mb(), result)


def _peak_mb() -> float:
    """Return the peak of this process alone; ``ru_maxrss`` would start with the parent's."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def measured(document: bytes, unit: bytes, scratch: Path, repeats: int = REPEATS) -> Row:
    """Measure one row and the unit alternately, each in a new process.

    Args:
        document: the body.
        unit: the body of the phone's photograph.
        scratch: a folder for both.
        repeats: processes of each.
    """
    runs: dict[str, list[Run]] = {"row": [], "unit": []}
    for which, content in (("row", document), ("unit", unit)):
        (scratch / which).write_bytes(content)
    # As in the page's image: memory of a large picture is released after use.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "1048576"}
    for _ in range(repeats):
        for which, found in runs.items():
            command = [sys.executable, "-m", "benchmarks.decoding", str(scratch / which)]
            done = subprocess.run(command, env=environment, capture_output=True, check=True)
            found.append(Run(*json.loads(done.stdout)))
    seconds = {which: min(run.seconds for run in found) for which, found in runs.items()}
    peaks = {which: max(run.peak_mb for run in found) for which, found in runs.items()}
    return Row(
        bytes=len(document),
        seconds=round(seconds["row"], 4),
        times=round(seconds["row"] / seconds["unit"], 2),
        peak_mb=round(peaks["row"], 1),
        times_memory=round(peaks["row"] / peaks["unit"], 2),
        outcome=runs["row"][0].outcome,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the choice of rows."""
    parser.add_argument("--heif", action="store_true", help="HEIC and AVIF instead of the others")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure all rows, relative to the phone's photograph.

    Raises:
        RuntimeError: HEIC and AVIF are not installed.
    """
    heif: bool = options.heif
    if heif and not formats.heif_enabled():
        raise RuntimeError("HEIC and AVIF are not switched on: make setup HEIF=yes")
    rows: dict[str, Row] = {}
    unit = _alone(phone_photograph())
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as scratch:
        for name, make in track(requests(heif).items(), description="rows", transient=True):
            rows[name] = measured(make(), unit, Path(scratch))
    return {
        "repeats": REPEATS,
        "budget": HEIF_MAX_COST if heif else MAX_COST,
        "most": max(row.times for row in rows.values()),
        "most_memory": max(row.times_memory for row in rows.values()),
        "rows": rows,
    } | ({} if heif else {"child": decode_child.measure(phone_photograph())})


def failures(result: dict[str, Any]) -> list[str]:
    """Return the rows that cost more than allowed."""
    most = MOST_HEIF if result["budget"] == HEIF_MAX_COST else MOST
    return [
        f"{name} costs too many times as much: {most}"
        for name, row in result["rows"].items()
        if row.times > most.seconds or row.times_memory > most.memory
    ]


if __name__ == "__main__":
    print(json.dumps(run_row(Path(sys.argv[1]))))

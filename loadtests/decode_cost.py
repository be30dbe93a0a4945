"""``make measure-decoding``: cost of hostile files for the decoder of service and page.

Each row is a request in a separate process: its body is parsed, its budget checked, its pictures
decoded and cropped. The unit is the cost of a phone's photograph. HEIC and AVIF (``--heif``), which
are optional and may cost more, have a separate result.
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
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image
from rich.progress import track

from handlers import budget, decoding, protocol
from handlers.structure import LIMITS, ImageError, formats
from handlers.structure.costs import HEIF_MAX_COST, MAX_COST
from loadtests import decode_child
from loadtests.hostile import bodies, files, heifs, phone_photograph
from loadtests.hostile.bodies import body
from loadtests.hostile.jpegs import encoded
from loadtests.machine import kind

REPEATS: Final = 5
"""Processes per row; the lowest processor time counts, because the rest is other load."""


class Most(NamedTuple):
    """Maximum cost of a row, in multiples of the phone's photograph."""

    seconds: float
    """Multiples of its processor seconds."""
    memory: float
    """Multiples of its peak memory, without a unit."""


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
    return rows if heif else rows | bodies.makers()


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


def run_row(path: Path) -> dict[str, Any]:
    """Process the body in a file, in this process.

    Returns:
        Processor seconds, peak memory in MB, and the outcome.
    """
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
    return {
        "seconds": seconds,
        "peak_mb": _peak_mb(),
        "outcome": result,
    }


def _peak_mb() -> float:
    """Return the peak of this process alone; ``ru_maxrss`` would start with the parent's."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def measured(document: bytes, unit: bytes, scratch: Path, repeats: int = REPEATS) -> dict[str, Any]:
    """Measure one row and the unit alternately, each in a new process.

    Args:
        document: the body.
        unit: the body of the phone's photograph.
        scratch: a folder for both.
        repeats: processes of each.
    """
    runs: dict[str, list[dict[str, Any]]] = {"row": [], "unit": []}
    for which, content in (("row", document), ("unit", unit)):
        (scratch / which).write_bytes(content)
    # As in the page's image: memory of a large picture is released after use.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "1048576"}
    for _ in range(repeats):
        for which, found in runs.items():
            command = [sys.executable, "-m", "loadtests.decode_cost", "--row", str(scratch / which)]
            done = subprocess.run(command, env=environment, capture_output=True, check=True)
            found.append(json.loads(done.stdout))
    seconds = {which: min(run["seconds"] for run in found) for which, found in runs.items()}
    peaks = {which: max(run["peak_mb"] for run in found) for which, found in runs.items()}
    return {
        "bytes": len(document),
        "seconds": round(seconds["row"], 4),
        "times": round(seconds["row"] / seconds["unit"], 2),
        "peak_mb": round(peaks["row"], 1),
        "times_memory": round(peaks["row"] / peaks["unit"], 2),
        "outcome": runs["row"][0]["outcome"],
    }


def measure(heif: bool = False) -> dict[str, Any]:
    """Measure all rows, relative to the phone's photograph.

    Args:
        heif: those of HEIC and AVIF instead of the others.
    """
    rows: dict[str, dict[str, Any]] = {}
    unit = _alone(phone_photograph())
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as scratch:
        for name, make in track(requests(heif).items(), description="rows", transient=True):
            rows[name] = measured(make(), unit, Path(scratch))
    return {
        "machine": kind(),
        "repeats": REPEATS,
        "budget": HEIF_MAX_COST if heif else MAX_COST,
        "most": max(row["times"] for row in rows.values()),
        "most_memory": max(row["times_memory"] for row in rows.values()),
        "rows": rows,
    } | ({} if heif else {"child": decode_child.measure(phone_photograph())})


def main() -> int:
    """Measure and write the result; returns 1 if a row costs more than allowed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heif", action="store_true", help="HEIC and AVIF instead of the others")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--row", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.row is not None:
        print(json.dumps(run_row(given.row)))
        return 0
    if given.heif and not formats.heif_enabled():
        print("error: HEIC and AVIF are not switched on: make setup HEIF=yes", file=sys.stderr)
        return 1
    result = measure(given.heif)
    name = "decoding_heif.json" if given.heif else "decoding.json"
    output = given.output or Path("docs/results") / name
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written to {output}: at most {result['most']} times the processor time and")
    print(f"{result['most_memory']} times the memory of a phone's photograph")
    most = MOST_HEIF if given.heif else MOST
    over = [
        name
        for name, row in result["rows"].items()
        if row["times"] > most.seconds or row["times_memory"] > most.memory
    ]
    for name in over:
        print(f"error: {name} costs too many times as much: {most}", file=sys.stderr)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())

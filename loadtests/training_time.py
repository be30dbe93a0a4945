"""``make measure-training``: photographs to archive, once from nothing and once with the cache."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from loadtests.machine import kind


def run(folder: Path) -> dict[str, Any]:
    """One run of ``python -m training`` with everything it makes in a folder."""
    variables = {
        "LESIONLENS_BUILD": str(folder / "build"),
        "LESIONLENS_CACHE": str(folder / "cache"),
        "LESIONLENS_ARCHIVE": str(folder / "store"),
    }
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "training"], env=os.environ | variables, check=True)
    seconds = time.perf_counter() - start
    summary: dict[str, Any] = json.loads((folder / "build" / "summary.json").read_text())
    del summary["example"]  # a path of this machine
    return {"wall_seconds": round(seconds, 1), **summary}


def main() -> int:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results/training.json"))
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as scratch:
        first, second = run(Path(scratch)), run(Path(scratch))
    result = {"machine": kind(), "from_nothing": first, "with_cache": second}
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"from nothing {first['wall_seconds']} s, with the cache {second['wall_seconds']} s")
    print(f"written to {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

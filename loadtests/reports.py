"""``make measure-report`` and ``make measure-explanations``: keep the numbers of the reports.

Without file names, pictures and curves.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from loadtests.machine import kind

NUMBERS: Final = {"report": "metrics.json", "explain-report": "explanations.json"}
"""Steps of ``python -m training`` that write a report, and the files of its numbers."""


def measured(step: str, reports: Path) -> dict[str, Any]:
    """Return the numbers of a report, from the one folder in ``reports``."""
    (found,) = reports.glob(f"*/{NUMBERS[step]}")
    document: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    document.pop("curves")
    if "leaks" in document:
        del document["leaks"]["listed"]
    return document | {"machine": kind()}


def main() -> int:
    """Make a report of the trained model, with the existing cache and model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=NUMBERS)
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as scratch:
        variables = {"LESIONLENS_REPORTS": scratch, "LESIONLENS_TRACKING": ""}
        command = [sys.executable, "-m", "training", given.step]
        subprocess.run(command, env=os.environ | variables, check=True)
        result = measured(given.step, Path(scratch))
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written to {given.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``make measure-report``: what the report measured, without names of files and curves."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from loadtests.machine import kind


def measured(reports: Path) -> dict[str, Any]:
    """The numbers of a report, from the one folder in ``reports``."""
    (found,) = reports.glob("*/metrics.json")
    document: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    del document["leaks"]["listed"], document["curves"]
    return document | {"machine": kind()}


def main() -> int:
    """Make the report of the trained model, with the cache and the model that are there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results/report.json"))
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as scratch:
        variables = {"LESIONLENS_REPORTS": scratch, "LESIONLENS_TRACKING": ""}
        command = [sys.executable, "-m", "training", "report"]
        subprocess.run(command, env=os.environ | variables, check=True)
        result = measured(Path(scratch))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written to {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

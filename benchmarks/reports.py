"""``make benchmark NAME=report``, ``NAME=recipes``, ``NAME=explanations``: numbers of the reports.

Without file names, pictures and curves. The comparison of the recipes takes most of an hour, and
does not depend on the trained model: it is a measurement of its own.
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

NUMBERS: Final = {"report": "metrics.json", "explain-report": "explanations.json"}
"""Steps of ``python -m training`` that write a report, and the files of its numbers."""
RECIPES: Final = ("made", "data", "recipes", "comparison", "machine")
"""What the comparison of the recipes has of the report."""


def measured(step: str, reports: Path) -> dict[str, Any]:
    """Return the numbers of a report, from the one folder in ``reports``."""
    (found,) = reports.glob(f"*/{NUMBERS[step]}")
    document: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    document.pop("curves")
    document.pop("clinical", None)  # curves too
    if "leaks" in document:
        del document["leaks"]["listed"]
    return document


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the choice of a report."""
    parser.add_argument("step", choices=NUMBERS)
    parser.add_argument("--recipes", action="store_true", help="the comparison of the recipes only")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Make a report of the trained model, with the existing cache and model."""
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as scratch:
        variables = {"LESIONLENS_REPORTS": scratch, "LESIONLENS_TRACKING": ""}
        if not options.recipes:
            variables["LESIONLENS_REPORT_RECIPES"] = "head"
        command = [sys.executable, "-m", "training", options.step]
        subprocess.run(command, env=os.environ | variables, check=True)
        found = measured(options.step, Path(scratch))
    if options.recipes:
        return {name: found[name] for name in RECIPES}
    for name in ("recipes", "comparison"):
        found.pop(name, None)
    return found

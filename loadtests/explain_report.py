"""``make measure-explanations``: what the methods showed, without the examples' pictures."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from loadtests.machine import kind


def main() -> int:
    """Make the report on the explanations, with the cache and the model that are there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results/explanations.json"))
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as scratch:
        variables = {"LESIONLENS_REPORTS": scratch, "LESIONLENS_TRACKING": ""}
        command = [sys.executable, "-m", "training", "explain-report"]
        subprocess.run(command, env=os.environ | variables, check=True)
        (found,) = Path(scratch).glob("*/explanations.json")
        result = json.loads(found.read_text(encoding="utf-8")) | {"machine": kind()}
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written to {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

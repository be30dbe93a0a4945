"""The tables of figures in README.md, from the committed results; ``make measure-training``.

Nobody types a figure: a test compares the README with what this gives.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

README = Path("README.md")
RESULTS = Path("docs/results")


def training_table(results: Path = RESULTS) -> str:
    """Scores and times of ``training.json`` as a Markdown table."""
    document = json.loads((results / "training.json").read_text(encoding="utf-8"))
    run, again, machine = document["from_nothing"], document["with_cache"], document["machine"]
    rows = [
        f"| {name}, {run['metrics']['count']} test photographs | {score['value']:.3f} "
        f"(95 % interval {score['low']:.3f} to {score['high']:.3f}) |"
        for name, score in (
            ("AUROC", run["metrics"]["auroc"]),
            ("sensitivity at the threshold", run["metrics"]["sensitivity"]),
            ("specificity at the threshold", run["metrics"]["specificity"]),
            ("Brier score", run["metrics"]["brier"]),
        )
    ]
    photographs = sum(sum(split.values()) for split in run["counts"].values())
    kind = f"{machine['cores']} cores, {machine['architecture']}"
    rows += [
        f"| {photographs} photographs to archive, from nothing ({kind}) "
        f"| {run['wall_seconds']:.0f} s |",
        f"| the same with the cache | {again['wall_seconds']:.0f} s |",
    ]
    return "\n".join(["| measured | |", "| --- | --- |", *rows])


def filled(readme: str) -> str:
    """A README with the table between its two marks renewed."""
    marks = ("<!-- training.json -->", "<!-- end -->")
    pattern = re.compile(rf"({marks[0]}\n).*?(\n{marks[1]})", re.DOTALL)
    if not pattern.search(readme):
        raise ValueError(f"README.md lacks the marks {marks[0]} and {marks[1]}")
    return pattern.sub(lambda found: found[1] + training_table() + found[2], readme)


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0)

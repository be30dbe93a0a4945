"""The page of dependencies, from the reasons in ``requirements.in``."""

from __future__ import annotations

import re
from typing import Final

from docs.generate.names import ROOT

REQUIREMENT: Final = re.compile(r"([A-Za-z0-9-]+)(?:\[[a-z]+\])?(?:==\S+)?\s+# (.+)")
TABLE: Final = ["| package | version | why |", "| --- | --- | --- |"]


def versions() -> dict[str, str]:
    """The version that ``requirements.txt`` fixes; of a package with several, the first."""
    found: dict[str, str] = {}
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([a-z0-9._-]+)(?:\[.*?\])?==([^ ;]+)", line):
            found.setdefault(match[1], match[2])
    return found


def page() -> str:
    """The page in Markdown.

    Raises:
        ValueError: a line of ``requirements.in`` is neither a heading nor a package with a reason.
    """
    fixed = versions()
    parts = [
        "# Why each dependency\n",
        "Outside what this project exists for, a well-kept library is better than code of its own. "
        "This page is written from `requirements.in`; `requirements.txt` fixes the versions, and "
        "`make lock` chooses them anew.\n",
    ]
    source = (ROOT / "requirements.in").read_text(encoding="utf-8")
    for line in source.split("\n\n", 1)[1].splitlines():
        if line.startswith("# "):
            parts += ["", f"## {line[2:].capitalize()}", "", *TABLE]
        elif match := re.match(REQUIREMENT, line):
            parts.append(f"| {match[1]} | {fixed[match[1].lower()]} | {match[2]} |")
        elif line:
            raise ValueError(f"requirements.in: {line!r} is no package with a reason")
    return "\n".join([*parts, ""])

"""The page of dependencies, from the reasons in ``requirements.in`` and the optional ones."""

from __future__ import annotations

import re
from typing import Final

from docs.generate.names import ROOT

REQUIREMENT: Final = re.compile(r"([A-Za-z0-9-]+)(?:\[[a-z]+\])?(?:==\S+)?\s+# (.+)")
SOURCES: Final = ("requirements", *(f"requirements-{extra}" for extra in ("heif", "dicom", "ray")))
"""Lists of what is asked for, each with the list of versions that it becomes."""
TABLE: Final = ["| package | version | why |", "| --- | --- | --- |"]


def versions() -> dict[str, str]:
    """The version that the lists fix; of a package with several, the first."""
    found: dict[str, str] = {}
    texts = [(ROOT / f"{name}.txt").read_text(encoding="utf-8") for name in SOURCES]
    for line in "\n".join(texts).splitlines():
        if match := re.match(r"([a-z0-9._-]+)(?:\[.*?\])?==([^ ;]+)", line):
            found.setdefault(match[1], match[2])
    return found


def page() -> str:
    """The page in Markdown.

    Raises:
        ValueError: a line of their sources is neither a heading nor a package with a reason.
    """
    fixed = versions()
    parts = [
        "# Why each dependency\n",
        "Outside what this project exists for, a well-kept library is better than own code. "
        "This page is written from `requirements.in`, and from `requirements-heif.in`, "
        "`requirements-dicom.in` and `requirements-ray.in`, which are installed only where they "
        "are asked for (`make setup HEIF=yes DICOM=yes RAY=yes`); the lists with the same "
        "names fix the versions, and `make lock` chooses them again.\n",
    ]
    sources = [(ROOT / f"{name}.in").read_text(encoding="utf-8") for name in SOURCES]
    for line in "\n".join(source.split("\n\n", 1)[1] for source in sources).splitlines():
        if line.startswith("# "):
            parts += ["", f"## {line[2:].capitalize()}", "", *TABLE]
        elif match := re.match(REQUIREMENT, line):
            parts.append(f"| {match[1]} | {fixed[match[1].lower()]} | {match[2]} |")
        elif line:
            raise ValueError(f"requirements: {line!r} is not a package with a reason")
    return "\n".join([*parts, ""])

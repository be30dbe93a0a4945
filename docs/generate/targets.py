"""The page of make targets, from the Makefile's own help."""

from __future__ import annotations

import re

from docs.generate.names import ROOT


def groups() -> dict[str, dict[str, str]]:
    """What each target of the Makefile is for, under the headings of ``make help``."""
    source = (ROOT / "Makefile").read_text(encoding="utf-8")
    _, *parts = re.split(r"^##@ (.*)$", source, flags=re.MULTILINE)
    return {
        heading: dict(re.findall(r"^([a-z-]+):.*?## (.*)$", part, re.MULTILINE))
        for heading, part in zip(parts[::2], parts[1::2], strict=True)
    }


def page() -> str:
    """The page in Markdown."""
    tables = []
    for heading, targets in groups().items():
        rows = [f"| `make {name}` | {text} |" for name, text in targets.items()]
        tables += [f"## {heading}\n", "| target | |", "| --- | --- |", *rows, ""]
    return "\n".join(
        [
            "# make targets\n",
            "Each does what it needs first: `make serve` in a fresh clone installs, trains, packs "
            "and serves. `make` alone lists them. [Settings](settings.md) are variables; the words "
            "in capitals stand on the command line, as in `make train FINETUNE=layer4`.\n",
            *tables,
        ]
    )

"""The page of make targets, from the Makefile's own help."""

from __future__ import annotations

import re

from docs.generate.names import ROOT


def targets() -> dict[str, str]:
    """What each target of the Makefile is for."""
    source = (ROOT / "Makefile").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z-]+):.*?## (.*)$", source, re.MULTILINE))


def page() -> str:
    """The page in Markdown."""
    rows = [f"| `make {name}` | {text} |" for name, text in targets().items()]
    return "\n".join(
        [
            "# make targets\n",
            "Each does what it needs first: `make serve` in a fresh clone installs, trains, packs "
            "and serves. `make` alone lists them. [Settings](settings.md) are variables; the words "
            "in capitals stand on the command line, as in `make train FINETUNE=layer4`.\n",
            "| target | |",
            "| --- | --- |",
            *rows,
            "",
        ]
    )

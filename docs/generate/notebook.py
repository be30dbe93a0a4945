"""The page of the notebook: its cells as text and code."""

from __future__ import annotations

from typing import Final

import nbformat

from docs.generate.names import ROOT

NAME: Final = "tutorial/training-and-explanation"
DOWNLOAD: Final = f"[Download the notebook]({NAME.rpartition('/')[2]}.ipynb){{ download }}"


def page() -> str:
    """The page in Markdown, with a link to the notebook itself below its title."""
    cells = nbformat.read(ROOT / "docs" / f"{NAME}.ipynb", as_version=4).cells
    parts = [
        cell.source if cell.cell_type == "markdown" else f"```python\n{cell.source}\n```"
        for cell in cells
    ]
    title, _, rest = "\n\n".join(parts).partition("\n")
    return f"{title}\n\n{DOWNLOAD}\n{rest}\n"

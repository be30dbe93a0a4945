"""Write the files of a report atomically."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from training.files import atomic_write, write_json
from training.report import page
from training.report.plots import draw

PAGE: Final = "report.html"
NUMBERS: Final = "metrics.json"
CARD: Final = "MODEL_CARD.md"
PLOTS: Final = "plots"


def write(evidence: Mapping[str, Any], thumbnails: Mapping[str, bytes], folder: Path) -> Path:
    """Write report.html, metrics.json, MODEL_CARD.md and plots/*.png into a folder.

    Args:
        evidence: the document of ``training.evidence``; metrics.json is the same.
        thumbnails: small JPEG or PNG files by the names in ``leaks.listed``, from
            :func:`training.report.thumbnail`. Only the page shows them; one that is missing is
            said to be.
        folder: made where it is missing.

    Returns:
        The page's path.

    Raises:
        ValueError: a number is not finite, or a thumbnail is neither JPEG nor PNG.
        jinja2.UndefinedError, KeyError: the document lacks what every run has.
    """
    # Everything is made before the first file is written, so that an error leaves an old report
    # intact.
    drawn = draw(evidence)
    html = page.html(evidence, thumbnails, drawn)
    card = page.card(evidence)
    put(folder, (NUMBERS, evidence), drawn, {CARD: card, PAGE: html})
    return folder / PAGE


def put(
    folder: Path,
    numbers: tuple[str, Mapping[str, Any]],
    drawn: Mapping[str, bytes],
    texts: Mapping[str, str],
) -> None:
    """Write the finished files, the numbers first.

    Args:
        folder: made where it is missing.
        numbers: file and document; a number that is not finite is a ValueError, before anything
            is written.
        drawn: PNG files by name, for ``plots``.
        texts: by file.
    """
    name, document = numbers
    write_json(folder / name, dict(document))
    for name, data in drawn.items():
        with atomic_write(folder / PLOTS / f"{name}.png") as temporary:
            temporary.write_bytes(data)
    for name, text in texts.items():
        with atomic_write(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")

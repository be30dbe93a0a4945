"""Render templates with number formats, and write the files of a report atomically."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from training.evaluation.report import formats
from training.files import atomic_write, write_json

PLOTS: Final = "plots"


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


def render(
    template: Path, document: Mapping[str, Any], *, autoescape: bool = True, **values: Any
) -> str:
    """Render a template, which finds those of this folder too; missing values are errors.

    Args:
        template: its file.
        document: its parts are names in the template; the whole is ``evidence``.
        autoescape: off for Markdown alone, whose tables escape for it.
        values: other names in the template.
    """
    environment = Environment(
        loader=FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=autoescape,  # noqa: S701 - see the argument
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for written in (
        formats.count,
        formats.interval,
        formats.number,
        formats.percent,
        formats.percent_interval,
        formats.plain,
        formats.short_percent,
        formats.words,
    ):
        environment.filters[written.__name__] = written
    page = environment.get_template(template.name)
    return page.render(document, evidence=document, **values)

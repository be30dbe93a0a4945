"""Template environment with number formats."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from training.report import formats


def environment(autoescape: bool = True) -> Environment:
    """Return an environment for templates below this folder; missing values are errors.

    Args:
        autoescape: off for Markdown alone, whose tables escape for it.
    """
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
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
        formats.words,
    ):
        found.filters[written.__name__] = written
    return found

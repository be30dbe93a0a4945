"""``python -m docs.tables``: fill the tables of figures in the pages from the committed results.

No figure is typed by hand: a page names a result between ``<!--`` and ``-->``, with or without the
name of one of its tables, and a template in ``templates/`` writes what is shown up to
``<!-- end -->``. A test compares.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from handlers.similar_cases import SIMILAR_CASES

ROOT: Final = Path(__file__).resolve().parents[1]
TEMPLATES: Final = Path(__file__).with_name("templates")
SUFFIX: Final = ".md.j2"
MARKS: Final = re.compile(r"(<!-- (\S+\.json)(?: (\w+))? -->\n).*?(<!-- end -->)", re.DOTALL)


def interval(estimate: dict[str, Any], spec: str = ".3f", what: str = "95 % interval ") -> str:
    """Write an estimate with its interval.

    Args:
        estimate: ``value``, ``low`` and ``high``.
        spec: format of each number.
        what: precedes the interval.
    """
    if estimate["value"] is None:
        return "none"
    value, low, high = (format(estimate[name], spec) for name in ("value", "low", "high"))
    return f"{value} ({what}{low} to {high})"


def spread(values: list[float]) -> str:
    """Write mean and standard deviation, or a single value."""
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


_environment = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=False,  # noqa: S701  Markdown of committed numbers
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {"interval": interval, "spread": spread, "f": format}


def templates() -> list[str]:
    """Return the names of all tables: of a result, or of a result and one of its tables."""
    return [path.name.removesuffix(SUFFIX) for path in sorted(TEMPLATES.glob(f"*{SUFFIX}"))]


def table(name: str, result: dict[str, Any]) -> str:
    """Write a table of a result as Markdown.

    Args:
        name: of the table, one of :func:`templates`.
        result: content of its JSON.
    """
    return _environment.get_template(name + SUFFIX).render(result, result=result).strip() + "\n"


def pages(root: Path = ROOT) -> list[Path]:
    """Return the pages that show tables."""
    found = (root / "README.md", *sorted((root / "docs").rglob("*.md")))
    return [path for path in found if MARKS.search(path.read_text(encoding="utf-8"))]


def shown(text: str) -> set[str]:
    """Return the names of the tables in a page."""
    return {_name(mark) for mark in MARKS.finditer(text)}


def filled(text: str, root: Path = ROOT) -> str:
    """Return a page with its tables updated.

    Args:
        text: of the page.
        root: folder of the repository, whose results are read.
    """

    def fill(mark: re.Match[str]) -> str:
        result = json.loads((root / mark[2]).read_text(encoding="utf-8"))
        return mark[1] + table(_name(mark), result) + mark[4]

    return MARKS.sub(fill, text)


def page_costs(root: Path = ROOT) -> str:
    """Return ``web/methods.json``: seconds of each method, for the page's menu."""
    explaining, similar = (
        json.loads((root / f"benchmarks/results/{name}.json").read_text(encoding="utf-8"))
        for name in ("explaining", SIMILAR_CASES)
    )
    methods = explaining["methods"] | {SIMILAR_CASES: similar["served"]["explain"]}
    costs = {name: float(f"{one['p50_ms'] / 1000:.2g}") for name, one in methods.items()}
    return json.dumps(costs, indent=1) + "\n"


def _name(mark: re.Match[str]) -> str:
    return Path(mark[2]).stem + (f"-{mark[3]}" if mark[3] else "")


def main() -> None:
    """Fill all pages."""
    (ROOT / "web/methods.json").write_text(page_costs(), encoding="utf-8")
    for page in pages():
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

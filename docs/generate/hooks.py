"""MkDocs hooks: add generated pages and pages from elsewhere in the repository.

MkDocs reads this file by its name in ``mkdocs.yml``, from the repository's root.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.generate import dependencies, metrics, notebook, python, settings, targets
from docs.generate.names import ROOT

ELSEWHERE: Final = {
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "CHANGELOG.md": "project/changes.md",
    **{
        str(path.relative_to(ROOT)): f"reference/runbooks/{path.name}"
        for path in sorted((ROOT / "monitoring/runbooks").glob("*.md"))
    },
}
"""Pages that lie elsewhere in the repository, with their path in the site."""
LINK: Final = re.compile(r"(\]\()((?:\.\./|[\w-]+[/.])[^)\s#]*)((?:#[^)\s]*)?\))")
RUNBOOKS: Final = "# Alerts\n\nWhat each alert means, how to tell, and what to do.\n\n"


@cache
def written() -> dict[str, str]:
    """Return path and Markdown of every generated page."""
    runbooks = [path for path in ELSEWHERE.values() if path.startswith("reference/runbooks/")]
    return {
        "reference/settings.md": settings.page(),
        "reference/metrics.md": metrics.page(),
        "reference/make.md": targets.page(),
        "explanation/dependencies.md": dependencies.page(),
        f"{notebook.NAME}.md": notebook.page(),
        "reference/runbooks/index.md": RUNBOOKS
        + "".join(f"- [{Path(path).stem}]({Path(path).name})\n" for path in runbooks),
        **python.pages(),
    }


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace a folder in the navigation by its pages."""
    pages = {*written(), *ELSEWHERE.values()}
    pages |= {
        str(path.relative_to(config.docs_dir)) for path in Path(config.docs_dir).rglob("*.md")
    }
    in_order = sorted(pages, key=lambda page: page.removesuffix(".md"))  # a package, then its own
    config.nav = [_filled(entry, in_order) for entry in config.nav or []]
    return config


def _filled(entry: object, pages: list[str]) -> object:
    if not isinstance(entry, dict):
        return entry
    ((title, value),) = entry.items()
    if isinstance(value, list):
        return {title: [_filled(below, pages) for below in value]}
    if not value.endswith("/"):
        return entry
    own = [page for page in pages if page.startswith(value)]
    front = [page for page in own if Path(page).stem in ("index", "README")]
    return {title: [*front, *(page for page in own if page not in front)]}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not lie in ``docs/``."""
    for path, text in written().items():
        files.append(File.generated(config, path, content=text))
    for source, path in ELSEWHERE.items():
        files.append(File.generated(config, path, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite links to and from pages that lie elsewhere to their path in the site."""
    places = {str(ROOT / source): path for source, path in ELSEWHERE.items()}
    here = page.file.src_uri
    source = next((key for key, path in places.items() if path == here), None)
    folder = Path(source or Path(config.docs_dir) / here).parent

    def led(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(folder / link[2]))
        inside = target.is_relative_to(config.docs_dir)
        if str(target) in places:
            path = places[str(target)]
        elif source and inside:
            path = str(target.relative_to(config.docs_dir))
        else:
            return link[0]
        return f"{link[1]}{os.path.relpath(path, Path(here).parent)}{link[3]}"

    return LINK.sub(led, markdown)

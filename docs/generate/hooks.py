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

from docs.generate import dependencies, documents, metrics, notebook, python, settings, targets
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
        "reference/documents.md": documents.page(),
        f"reference/{documents.SCHEMA}": documents.text(),
        "reference/make.md": targets.page(),
        "explanation/dependencies.md": dependencies.page(),
        f"{notebook.NAME}.md": notebook.page(),
        "reference/runbooks/index.md": RUNBOOKS
        + "".join(f"- [{Path(path).stem}]({Path(path).name})\n" for path in runbooks),
        **python.pages(),
    }


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace a folder in the navigation by its pages, its index first."""
    docs = Path(config.docs_dir)
    pages = {
        *written(),
        *ELSEWHERE.values(),
        *(str(p.relative_to(docs)) for p in docs.rglob("*.md")),
    }
    for section in config.nav or []:
        for entry in next(iter(section.values())):
            for title, value in entry.items() if isinstance(entry, dict) else ():
                if value.endswith("/"):
                    inside = [page for page in pages if page.startswith(value)]
                    entry[title] = sorted(inside, key=_index_first)
    return config


def _index_first(page: str) -> tuple[bool, str]:
    path = Path(page)
    return path.stem not in ("index", "README"), str(path.with_suffix(""))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not lie in ``docs/``."""
    for path, text in written().items():
        files.append(File.generated(config, path, content=text))
    for source, path in ELSEWHERE.items():
        files.append(File.generated(config, path, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite links to and from pages that lie elsewhere to their path in the site."""
    here = page.file.src_uri
    source = next((key for key, path in ELSEWHERE.items() if path == here), f"docs/{here}")

    def in_site(link: re.Match[str]) -> str:
        target = os.path.normpath(Path(source).parent / link[2])
        path = ELSEWHERE.get(target, target.removeprefix("docs/"))
        return f"{link[1]}{os.path.relpath(path, Path(here).parent)}{link[3]}"

    return LINK.sub(in_site, markdown)

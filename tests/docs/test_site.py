"""Test that the site builds strictly without a network and that every page is reachable."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

from docs import screenshots
from docs.generate import names, settings, targets
from handlers import telemetry
from handlers.settings import HandlerSettings
from serving.front.settings import FrontSettings, ServerSettings
from serving.paths import PathSettings
from serving.pod.settings import PodSettings
from training.settings import TrainingSettings

BROKEN = {
    "a link to a page that is not there": "[x](nowhere.md)",
    "a link to a heading that is not there": "[x](index.md#nowhere)",
    "a name that no page describes": "[x][handlers.nowhere]",
}


class Links(HTMLParser):
    """Links, loaded files and anchors of a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        own = dict(attributes)
        self.ids |= {str(own[name]) for name in ("id", "name") if own.get(name)}
        if tag == "a" and own.get("href"):
            self.targets.append(str(own["href"]))
        if tag in ("script", "img", "iframe") and own.get("src"):
            self.loaded.append(str(own["src"]))
        if tag == "link" and own.get("href") and own.get("rel") not in ("next", "prev"):
            self.loaded.append(str(own["href"]))


def mkdocs(folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Run ``make docs`` of a folder with every connection refused."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=folder,
        env=os.environ
        | {"NO_MKDOCS_2_WARNING": "1"}
        | dict.fromkeys(("https_proxy", "http_proxy"), "http://127.0.0.1:9"),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = mkdocs(root, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Links]:
    return {path: Links(path) for path in site.rglob("*.html") if path.name != "404.html"}


def _place(page: Path, target: str) -> tuple[Path, str] | None:
    """File and anchor of a link within the site; None for an external link."""
    found = urlsplit(target)
    if found.scheme or found.netloc:
        return None
    path = page if not found.path else Path(os.path.normpath(page.parent / unquote(found.path)))
    return path, unquote(found.fragment)


def test_broken_link_fails_the_build(root: Path, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    text = "\n\n".join(BROKEN.values())
    (tmp_path / "docs/index.md").write_text(f"# Page\n\n{text}\n", encoding="utf-8")
    config = (root / "mkdocs.yml").read_text(encoding="utf-8")
    (tmp_path / "mkdocs.yml").write_text(
        # The same checks of one page: without what the code writes.
        config.partition("\nnav:")[0].replace("hooks: [docs/generate/hooks.py]", "")
        + "\nnav: [Home: index.md]\n",
        encoding="utf-8",
    )
    (tmp_path / "docs/generate").symlink_to(root / "docs/generate")
    (tmp_path / "docs/assets").symlink_to(root / "docs/assets")

    done = mkdocs(tmp_path, tmp_path / "site")

    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"Aborted with {len(BROKEN)} warnings in strict mode" in said
    for target in BROKEN.values():
        assert target.strip("[]x()") in said


def test_every_link_has_a_target(pages: dict[Path, Links]) -> None:
    broken = []
    for page, links in pages.items():
        for target in links.targets:
            place = _place(page, target)
            if place is None:
                continue
            path, anchor = place
            known = pages[path].ids if path in pages else set()
            if not path.is_file() or (anchor and path in pages and anchor not in known):
                broken.append((page.name, target))

    assert len(pages) > 60
    assert broken == []


def test_every_page_is_reachable_from_the_start_page(site: Path, pages: dict[Path, Links]) -> None:
    reached, waiting = set(), [site / "index.html"]
    while waiting:
        page = waiting.pop()
        if page in reached or page not in pages:
            continue
        reached.add(page)
        waiting += [place[0] for target in pages[page].targets if (place := _place(page, target))]

    assert set(pages) == reached


def test_no_page_loads_from_another_host(site: Path, pages: dict[Path, Links]) -> None:
    for page, links in pages.items():
        assert [one for one in links.loaded if _place(page, one) is None] == [], page
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"url\(['\"]?(?:https?:)?//[^)]*\)|@import[^;]*//[^;]*", styles) == []


def test_every_public_name_is_in_the_reference(pages: dict[Path, Links]) -> None:
    shown = {one for path, links in pages.items() if "python" in path.parts for one in links.ids}
    missing, found = [], 0
    for package in names.SHOWN:
        for folder in names.packages(package):
            for module in names.modules(folder):
                members = [
                    *module.functions.values(),
                    *module.classes.values(),
                    *(one for owner in module.classes.values() for one in owner.functions.values()),
                ]
                for member in members:
                    if member.is_alias or not member.is_public or member.is_special:
                        continue
                    if member.parent is not None and not member.parent.is_public:
                        continue
                    found += 1
                    if member.path not in shown:
                        missing.append(member.path)

    assert found > 600
    assert missing == []


def test_reference_shows_all_packages() -> None:
    assert {*names.SHOWN, "docs"} == set(names.mypy_packages())


@pytest.mark.parametrize(
    "kind",
    [FrontSettings, HandlerSettings, PathSettings, PodSettings, ServerSettings, TrainingSettings],
    ids=str,
)
def test_reference_shows_all_settings(kind: type) -> None:
    (read,) = [one for one in settings.classes() if one.name == kind.__name__]
    shown = {variable: default for variable, default, _ in settings.fields(read)}
    own = kind() if hasattr(kind, "__dataclass_fields__") else kind.model_construct()
    expected = {
        f"LESIONLENS_{name.upper()}": getattr(own, name)
        for name in kind.__annotations__.keys() - {"model_config"}
    }

    assert {name: written(value) for name, value in expected.items()} == shown


def written(value: object) -> str:
    """A default as a user would write it in a variable."""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str("" if value is None else value)


def test_reference_shows_all_metrics(site: Path) -> None:
    page = (site / "reference/metrics.html").read_text(encoding="utf-8")

    for metric in telemetry.METRICS:
        assert f"<code>{metric.name}</code>" in page
    assert "<code>lesionlens_http_responses_total</code>" in page


def test_every_make_target_named_on_a_page_exists(root: Path) -> None:
    known, named = {name for group in targets.groups().values() for name in group}, set()
    for page in [*root.glob("*.md"), *root.glob("docs/*/*.md"), *root.glob("monitoring/*/*.md")]:
        text = page.read_text(encoding="utf-8")
        named |= set(re.findall(r"(?:`|^)make ([a-z][a-z-]*[a-z])(?![a-z.-])", text, re.MULTILINE))

    assert len(named) > 25
    assert named <= known


def test_pictures_show_no_patient(root: Path) -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    kinds = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
    found = {name for name in listed.stdout.splitlines() if Path(name).suffix.lower() in kinds}

    # `make screenshots` drops synthetic lesions on the page, `make bench` plots numbers.
    drawn = {f"docs/pictures/page-{name}.png" for name in screenshots.SHOTS}
    assert found == drawn | {"docs/pictures/peers.png"}
    for name in found:
        with Image.open(root / name) as picture:
            assert not picture.getexif()

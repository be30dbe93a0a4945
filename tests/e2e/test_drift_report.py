"""The drift report on folders of drawn photographs, with the archive that the server runs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from monitoring.drift_report.__main__ import main
from tests.e2e.conftest import Trained
from tests.e2e.watching import changed
from training.synthetic import draw_set

EACH = 40
"""Photographs of a class in a folder."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn photographs: a reference, others like them, and others of which half have changed."""
    folder = tmp_path_factory.mktemp("photographs") / "drawn"
    draw_set(folder, per_class={"reference": EACH, "alike": EACH, "moved": EACH})
    for place, path in enumerate(sorted((folder / "moved").glob("*/*.jpg"))):
        if place % 2 == 0:
            path.with_name(f"camera-{path.name}").write_bytes(changed(path.read_bytes()))
            path.unlink()
    return folder


@pytest.fixture
def reports(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LESIONLENS_ARCHIVE", str(trained.store))
    monkeypatch.setenv("LESIONLENS_REPORTS", str(tmp_path))
    return tmp_path / "drift"


def test_photographs_alike_are_called_alike(folders: Path, reports: Path) -> None:
    assert main([str(folders / "reference"), str(folders / "alike")]) == 0

    (section,) = json.loads((reports / "drift.json").read_text())["sections"]
    assert not [name for name, seen in section["features"].items() if seen["changed"]]
    domain = section["domain_classifier"]
    assert domain["low"] <= 0.5 <= domain["high"]
    assert domain["photographs_in_both"] == 0


def test_a_change_is_named_and_the_changed_photographs_come_first(
    folders: Path, reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folders / "reference"), str(folders / "moved")]) == 0

    (section,) = json.loads((reports / "drift.json").read_text())["sections"]
    moved = {name for name, seen in section["features"].items() if seen["changed"]}
    assert "sharpness" in moved
    assert "Changed: " in capsys.readouterr().out
    assert section["domain_classifier"]["low"] > 0.5
    names = [Path(odd["name"]).name for odd in section["contribute_most"]]
    assert len(names) == 12
    assert sum(name.startswith("camera-") for name in names) >= 11
    assert any("sharpness lower" in why for odd in section["contribute_most"] for why in odd["why"])


def test_copies_in_both_folders_are_counted_and_never_known_by_heart(
    folders: Path, reports: Path, tmp_path: Path
) -> None:
    shutil.copytree(folders / "reference", tmp_path / "copy")

    assert main([str(folders / "reference"), str(tmp_path / "copy")]) == 0

    (section,) = json.loads((reports / "drift.json").read_text())["sections"]
    assert section["domain_classifier"]["photographs_in_both"] == 2 * EACH
    assert section["domain_classifier"]["auroc"] <= 0.6
    assert {seen["index_between"] for seen in section["features"].values()} <= {0.0}


def test_the_page_stands_alone_and_escapes_what_it_is_given(
    folders: Path, reports: Path, tmp_path: Path
) -> None:
    hostile = tmp_path / "hostile"
    shutil.copytree(folders / "moved", hostile)
    first = sorted(hostile.glob("*/camera-*.jpg"))
    for place, path in enumerate(first):
        path.rename(path.with_name(f"{place}<script>alert(1)<.jpg"))
    (hostile / "broken<i>.jpg").write_bytes(b"no picture")

    assert main([str(folders / "reference"), str(hostile)]) == 0

    page = (reports / "drift.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "broken&lt;i&gt;.jpg" in page
    assert not re.search(r"https?://|<link|@import", page)
    assert {path.name for path in reports.iterdir()} == {"drift.html", "drift.json"}


def test_the_same_folders_give_the_same_report(folders: Path, reports: Path) -> None:
    texts = set()
    for _ in range(2):
        assert main([str(folders / "reference"), str(folders / "alike")]) == 0
        texts.add((reports / "drift.json").read_text())
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("reference", "missing"), "is none: compare two folders or two windows"),
        (("missing", "reference"), "neither a folder nor, beside"),
        (("reference/benign/few", "reference"), "holds 0 photographs that can be read (0 cannot)"),
        (("-1h/now", "now"), "'now' is no window: write START/END"),
        (("-1h/yesterday", "-1h/now"), "'yesterday' of '-1h/yesterday' is no time"),
        (("now/-1h", "-1h/now"), "ends before it starts"),
        (("-2h/-1h", "-1h/now"), "start it with `make monitor`"),
    ],
)
def test_what_cannot_be_compared_is_named_with_what_to_do(
    arguments: tuple[str, str],
    says: str,
    folders: Path,
    reports: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LESIONLENS_PROMETHEUS", "http://127.0.0.1:9")  # nobody listens there
    (folders / "reference" / "benign" / "few").mkdir(exist_ok=True)
    named = [
        part if "/now" in part or part[0] in "-n" else str(folders / part) for part in arguments
    ]

    assert main(named) == 2

    assert says in capsys.readouterr().err
    assert not reports.exists()


def test_a_missing_archive_is_named_with_what_builds_it(
    folders: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LESIONLENS_ARCHIVE", str(tmp_path))

    assert main([str(folders / "reference"), str(folders / "alike")]) == 2

    assert "melanoma.mar is missing: build it with `make archive`" in capsys.readouterr().err

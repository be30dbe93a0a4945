"""Test the drift report on folders of synthetic lesions."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from monitoring.drift_report.__main__ import main
from tests.e2e.conftest import Trained
from tests.e2e.watching import changed
from training.synthetic import draw_set

EACH = 40
"""Photographs of a class in a folder."""


@dataclass(frozen=True)
class Report:
    """Output of one run."""

    folder: Path
    said: str

    @property
    def section(self) -> dict[str, Any]:
        """The report's only section."""
        (section,) = json.loads((self.folder / "drift.json").read_text())["sections"]
        return dict(section)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic lesions: a reference, similar ones, and ones of which half have changed.

    The names of the changed ones are no friendly ones.
    """
    folder = tmp_path_factory.mktemp("photographs") / "drawn"
    draw_set(folder, per_class={"reference": EACH, "alike": EACH, "moved": EACH})
    for place, path in enumerate(sorted((folder / "moved").glob("*/*.jpg"))):
        if place % 2 == 0:
            hostile = path.with_name(f"{place}<script>alert(1)<.jpg")
            hostile.write_bytes(changed(path.read_bytes()))
            path.unlink()
    (folder / "moved" / "broken<i>.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def compare(
    trained: Trained, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path, Path], Report]:
    """Write a report of two folders."""

    def run(reference: Path, current: Path) -> Report:
        reports = tmp_path_factory.mktemp("reports")
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as said:
            patch.setenv("LESIONLENS_ARCHIVE", str(trained.store))
            patch.setenv("LESIONLENS_REPORTS", str(reports))
            assert main([str(reference), str(current)]) == 0
        return Report(reports / "drift", said.getvalue())

    return run


@pytest.fixture(scope="module")
def alike(folders: Path, compare: Callable[[Path, Path], Report]) -> Report:
    """Report of the reference and similar photographs."""
    return compare(folders / "reference", folders / "alike")


@pytest.fixture(scope="module")
def moved(folders: Path, compare: Callable[[Path, Path], Report]) -> Report:
    """Report of the reference and photographs of which half have changed."""
    return compare(folders / "reference", folders / "moved")


@pytest.fixture
def reports(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LESIONLENS_ARCHIVE", str(trained.store))
    monkeypatch.setenv("LESIONLENS_REPORTS", str(tmp_path))
    return tmp_path / "drift"


def test_similar_folders_are_reported_as_similar(alike: Report) -> None:
    assert not [name for name, seen in alike.section["features"].items() if seen["changed"]]
    domain = alike.section["domain_classifier"]
    assert domain["low"] <= 0.5 <= domain["high"]
    assert domain["photographs_in_both"] == 0


def test_reports_change_and_lists_changed_photographs_first(moved: Report) -> None:
    section = moved.section
    changes = {name for name, seen in section["features"].items() if seen["changed"]}
    assert "sharpness" in changes
    assert "Changed: " in moved.said
    assert section["domain_classifier"]["low"] > 0.5
    names = [Path(odd["name"]).name for odd in section["contribute_most"]]
    assert len(names) == 12
    assert sum("<script>" in name for name in names) >= 11
    assert any("sharpness lower" in why for odd in section["contribute_most"] for why in odd["why"])


def test_duplicates_across_folders_are_counted_and_never_used_to_classify_themselves(
    folders: Path, compare: Callable[[Path, Path], Report], tmp_path: Path
) -> None:
    shutil.copytree(folders / "reference" / "benign", tmp_path / "copy")

    section = compare(folders / "reference" / "benign", tmp_path / "copy").section

    assert section["domain_classifier"]["photographs_in_both"] == EACH
    assert section["domain_classifier"]["auroc"] <= 0.6
    assert {seen["index_between"] for seen in section["features"].values()} <= {0.0}


def test_page_is_self_contained_and_escapes_names(moved: Report) -> None:
    page = (moved.folder / "drift.html").read_text()

    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "broken&lt;i&gt;.jpg" in page
    assert not re.search(r"https?://|<link|@import", page)
    assert {path.name for path in moved.folder.iterdir()} == {"drift.html", "drift.json"}


def test_report_is_deterministic(
    folders: Path, alike: Report, compare: Callable[[Path, Path], Report]
) -> None:
    again = compare(folders / "reference", folders / "alike")

    assert again.folder != alike.folder
    texts = {(report.folder / "drift.json").read_text() for report in (alike, again)}
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("reference", "missing"), "is none: compare two folders or two windows"),
        (("missing", "reference"), "neither a folder nor, with"),
        (("reference/benign/few", "reference"), "holds 0 photographs that can be read (0 cannot)"),
        (("-1h/now", "now"), "'now' is not a window: write START/END"),
        (("-1h/yesterday", "-1h/now"), "'yesterday' of '-1h/yesterday' is not a time"),
        (("now/-1h", "-1h/now"), "ends before it starts"),
        (("-2h/-1h", "-1h/now"), "start it with `make monitor`"),
    ],
)
def test_rejects_invalid_input_with_a_fix(
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


def test_folders_are_compared_by_the_variant_that_is_served(
    folders: Path,
    reports: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    absent = "float32-224px-2stages-1orientation"
    for variant, says in ((absent, f"no serving variant {absent}"), ("x", "LESIONLENS_VARIANT=")):
        monkeypatch.setenv("LESIONLENS_VARIANT", variant)

        assert main([str(folders / "reference"), str(folders / "alike")]) == 2

        assert says in capsys.readouterr().err
    assert not reports.exists()


def test_missing_archive_error_names_make_archive(
    folders: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LESIONLENS_ARCHIVE", str(tmp_path))

    assert main([str(folders / "reference"), str(folders / "alike")]) == 2

    assert "melanoma.mar is missing: build it with `make archive`" in capsys.readouterr().err

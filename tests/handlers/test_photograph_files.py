"""Test which files of a folder count as photographs; all others are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from handlers.photograph_files import find


def made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_finds_files_in_path_order(tmp_path: Path) -> None:
    wanted = [made(tmp_path / name) for name in ("a/2.JPG", "a/b/1.webp", "c.png", "d.jpeg")]

    found = find(tmp_path)

    assert found.photographs == tuple(sorted(wanted))
    assert found.left_out == ()


def test_names_skipped_files_with_reasons(tmp_path: Path) -> None:
    for name in ("x.jpg", "._x.jpg", "notes.txt", "README", ".cache/y.jpg"):
        made(tmp_path / name)
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")

    found = find(tmp_path)

    assert found.photographs == (tmp_path / "x.jpg",)
    assert {path.name: reason for path, reason in found.left_out} == {
        "._x.jpg": "hidden",
        ".cache": "hidden",
        "README": "not a photograph: no suffix",
        "gone.jpg": "a link to a file that is not there",
        "notes.txt": "not a photograph: .txt suffix",
    }


@pytest.mark.usefixtures("without_heif")
def test_skips_heic_and_avif_without_decoder(tmp_path: Path) -> None:
    names = ("1.HEIC", "2.avif", "3.heif")
    paths = tuple(made(tmp_path / name) for name in names)

    found = find(tmp_path)

    assert found.photographs == ()
    assert found.left_out[0] == (paths[0], ".HEIC is not switched on: make setup HEIF=yes")
    assert len(found.left_out) == 3


@pytest.mark.usefixtures("heif")
def test_finds_heic_and_avif_with_decoder(tmp_path: Path) -> None:
    paths = tuple(made(tmp_path / name) for name in ("1.HEIC", "2.avif", "3.heif"))

    assert find(tmp_path).photographs == paths


def test_reads_linked_folders_once(tmp_path: Path) -> None:
    elsewhere = made(tmp_path / "elsewhere" / "1.jpg").parent
    folder = tmp_path / "class"
    made(folder / "2.jpg")
    (folder / "first").symlink_to(elsewhere)
    (folder / "second").symlink_to(elsewhere)
    (folder / "up").symlink_to(folder)

    found = find(folder)

    assert found.photographs == (folder / "2.jpg", folder / "first" / "1.jpg")
    assert found.left_out == (
        (folder / "second", f"the same folder as {folder / 'first'}"),
        (folder / "up", f"the same folder as {folder}"),
    )


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        find(tmp_path / "nothing")

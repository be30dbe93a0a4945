"""Test the choice of photographs for the load tests."""

import os
from pathlib import Path

import pytest
from PIL import Image

from loadtests.photographs import files
from loadtests.settings import LoadSettings


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 32)).save(path)
    return path


def test_uses_photographs_of_the_test_folder(tmp_path: Path) -> None:
    picture(tmp_path / "train/benign/1.jpg")
    new = picture(tmp_path / "test/benign/2.jpg")

    assert files(LoadSettings(data=tmp_path)) == [new]


def test_uses_the_last_synthetic_set_without_a_folder(tmp_path: Path) -> None:
    for age, name in enumerate(("synthetic-2-2-0", "synthetic-9-9-0")):
        picture(tmp_path / name / "test/benign/1.jpg")
        stamp = tmp_path / name / "synthetic.json"
        stamp.touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))

    (found,) = files(LoadSettings(cache=tmp_path))

    assert found.parts[-4] == "synthetic-2-2-0"


def test_missing_photographs_error_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make data"):
        files(LoadSettings(cache=tmp_path))

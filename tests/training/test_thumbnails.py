"""Test the thumbnails that an archive may have."""

import base64
import hashlib
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from handlers.reference import KEPT
from handlers.similar_cases import FILE
from training import thumbnails
from training.dataset import Photograph


@pytest.fixture
def photographs(tmp_path: Path) -> list[Photograph]:
    """Photographs of one colour each, with metadata."""
    made = []
    for number in range(3):
        path = tmp_path / f"{number}.jpg"
        exif = Image.Exif()
        exif[0x010E] = "name of a patient"
        colour = (80 * number, 128, 200)
        picture = Image.new("RGB", (300, 200), colour)
        picture.save(path, "JPEG", exif=exif, comment=b"another name", quality=95)
        made.append(Photograph(path, number % 2, f"{number:064x}"))
    return made


def told(*_: object) -> None:
    """Progress that nobody sees."""


def test_thumbnails_show_the_photographs_and_nothing_else_of_their_files(
    photographs: list[Photograph], tmp_path: Path
) -> None:
    cases = thumbnails.write(tmp_path, photographs, "thumbnails", told)

    data = (tmp_path / FILE).read_bytes()
    assert cases.shown == "thumbnails"
    assert cases.sha256 == hashlib.sha256(data).hexdigest()
    document = json.loads(data)
    assert document["side"] == thumbnails.SIDE
    assert len(document["jpeg"]) == 3
    for number, text in enumerate(document["jpeg"]):
        jpeg = base64.b64decode(text, validate=True)
        assert b"name" not in jpeg
        with Image.open(io.BytesIO(jpeg)) as picture:
            assert picture.format == "JPEG"
            assert picture.size == (thumbnails.SIDE, thumbnails.SIDE)
            assert not picture.getexif()
            red = picture.getpixel((48, 48))[0]  # type: ignore[index]
        assert red == pytest.approx(80 * number, abs=6)


def test_without_consent_there_are_none(photographs: list[Photograph], tmp_path: Path) -> None:
    thumbnails.write(tmp_path, photographs, "thumbnails", told)

    cases = thumbnails.write(tmp_path, photographs, "labels", told)

    assert not (tmp_path / FILE).exists()
    assert (cases.shown, cases.sha256) == ("labels", "")


def test_no_more_are_made_than_photographs_are_kept(
    photographs: list[Photograph], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "thumbnail", lambda photograph: photograph.digest.encode())

    thumbnails.write(tmp_path, photographs * 700, "thumbnails", told)

    assert len(json.loads((tmp_path / FILE).read_bytes())["jpeg"]) == KEPT

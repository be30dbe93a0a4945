"""Thumbnails are small, upright, and hold only pixels of the file."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from handlers.imaging import ImageError
from training.evaluation.report.pictures import data_uri, jpeg, thumbnail

MAKE, ORIENTATION, GPS = 0x010F, 0x0112, 0x8825


def photograph() -> bytes:
    """A JPEG lying on its side, red left and blue right, with a camera and a position."""
    exif = Image.Exif()
    exif[MAKE] = "SecretCamera"
    exif[ORIENTATION] = 6
    exif[GPS] = {1: "N", 2: (48.0, 8.0, 30.0), 3: "E", 4: (11.0, 34.0, 0.0)}
    pixels = np.zeros((200, 400, 3), np.uint8)
    pixels[:, :200, 0] = pixels[:, 200:, 2] = 200
    out = io.BytesIO()
    Image.fromarray(pixels).save(
        out, "JPEG", exif=exif, comment=b"SecretName", icc_profile=b"SecretProfile"
    )
    return out.getvalue()


def test_thumbnail_has_no_metadata() -> None:
    before = photograph()
    small = thumbnail(before)
    read = Image.open(io.BytesIO(small))

    assert Image.open(io.BytesIO(before)).getexif().get_ifd(GPS)
    assert before.count(b"Secret") == 3
    assert b"Secret" not in small
    assert b"Exif" not in small
    assert not read.getexif()
    assert set(read.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_small_upright_and_the_same_picture() -> None:
    read = Image.open(io.BytesIO(thumbnail(photograph())))

    assert (read.format, read.mode, read.size) == ("JPEG", "RGB", (48, 96))
    top, bottom = (np.asarray(read.getpixel((24, y))) for y in (12, 84))
    assert top.argmax() == 0
    assert bottom.argmax() == 2


def test_a_jpeg_file_is_small_and_holds_nothing_but_pixels() -> None:
    picture = Image.effect_noise((224, 224), 60).convert("RGB")
    picture.info["comment"] = b"Secret"
    exact = io.BytesIO()
    picture.save(exact, "PNG")
    small = jpeg(picture)
    read = Image.open(io.BytesIO(small))

    assert (read.format, read.mode, read.size) == ("JPEG", "RGB", (224, 224))
    assert len(small) < 0.6 * len(exact.getvalue())
    assert np.abs(np.asarray(picture, np.float32) - np.asarray(read, np.float32)).mean() < 4
    assert b"Secret" not in small


def test_thumbnail_of_a_file_that_is_no_picture_is_refused() -> None:
    with pytest.raises(ImageError):
        thumbnail(b"%PDF-1.7")


def test_only_pictures_get_an_address() -> None:
    assert data_uri(thumbnail(photograph())).startswith("data:image/jpeg;base64,")
    with pytest.raises(ValueError, match="neither PNG nor JPEG"):
        data_uri(b"GIF89a")

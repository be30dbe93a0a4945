"""Test that only the pixels that the model uses leave the page."""

from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from handlers.imaging import ImageError, centre_view, decode
from handlers.structure import LIMITS
from loadtests.hostile.jpegs import encoded
from tests.handlers import heif_files
from tests.web.odd_files import ODD
from web.errors import PageError
from web.pictures import read

ORIENTATION = 0x0112
MAKER = "SECRET-MAKER"


def drawn_anew(data: bytes, max_pixels: int = 25_000_000) -> bytes:
    return read(io.BytesIO(data), max_pixels)


def seen(data: bytes) -> np.ndarray:
    """Model input of a file."""
    return np.asarray(centre_view(decode(data)))


def turned(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return exif


def soft(picture: Image.Image) -> Image.Image:
    """Picture with a semi-transparent rim."""
    alpha = Image.linear_gradient("L").resize(picture.size)
    layered = picture.copy()
    layered.putalpha(alpha)
    return layered


def sixteen_bits(picture: Image.Image) -> Image.Image:
    grey = np.asarray(picture.convert("L")).astype(np.uint16)
    return Image.fromarray(grey * 256 + np.arange(grey.shape[1], dtype=np.uint16))


FILES: dict[str, Callable[[Image.Image], bytes]] = (
    {
        "jpeg": lambda picture: encoded(picture, "JPEG"),
        "jpeg, 12 megapixels": lambda picture: encoded(picture.resize((4000, 3000)), "JPEG"),
        "jpeg, progressive": lambda picture: encoded(picture, "JPEG", progressive=True),
        "jpeg, grey": lambda picture: encoded(picture.convert("L"), "JPEG"),
        "jpeg, CMYK": lambda picture: encoded(picture.convert("CMYK"), "JPEG"),
        "jpeg, with a second picture": lambda picture: encoded(
            picture, "MPO", save_all=True, append_images=[picture.rotate(90)]
        ),
        "png": lambda picture: encoded(picture, "PNG"),
        "png, alpha": lambda picture: encoded(soft(picture), "PNG"),
        "png, grey and alpha": lambda picture: encoded(soft(picture).convert("LA"), "PNG"),
        "png, palette": lambda picture: encoded(picture.quantize(64), "PNG"),
        "png, a clear colour": lambda picture: encoded(picture.quantize(64), "PNG", transparency=3),
        "png, one bit": lambda picture: encoded(picture.convert("1"), "PNG"),
        "png, sixteen bits": lambda picture: encoded(sixteen_bits(picture), "PNG"),
        "webp": lambda picture: encoded(picture, "WEBP"),
        "webp, alpha": lambda picture: encoded(soft(picture), "WEBP", lossless=True),
        "webp, moving": lambda picture: encoded(
            picture, "WEBP", save_all=True, append_images=[picture.rotate(180)]
        ),
    }
    | {
        f"jpeg, orientation {value}": lambda picture, value=value: encoded(
            picture, "JPEG", exif=turned(value)
        )
        for value in range(2, 9)
    }
    | ODD
)


@pytest.mark.parametrize("kind", FILES)
def test_page_and_service_give_the_model_the_same_input(kind: str, lesion: Image.Image) -> None:
    data = FILES[kind](lesion)

    assert np.array_equal(seen(drawn_anew(data)), seen(data))


@pytest.mark.usefixtures("heif")
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
def test_heic_and_avif_give_the_model_the_same_input(
    kind: str, orientation: int, lesion: Image.Image
) -> None:
    data = heif_files.turned(lesion.resize((240, 230)), kind, orientation)

    assert np.array_equal(seen(drawn_anew(data)), seen(data))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_accepts_damaged_exif(lesion: Image.Image) -> None:
    data = encoded(lesion, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")

    assert np.array_equal(seen(drawn_anew(data)), seen(data))


@pytest.mark.parametrize("size", [(3001, 400), (400, 3001), (2000, 333)])
def test_panorama_is_cropped_to_the_square_of_the_model(
    size: tuple[int, int], lesion: Image.Image
) -> None:
    data = encoded(lesion.resize(size), "PNG")

    assert np.array_equal(seen(drawn_anew(data)), seen(data))


def test_forwards_only_the_square_of_the_model(lesion: Image.Image) -> None:
    sent = Image.open(io.BytesIO(drawn_anew(encoded(lesion, "PNG"))))

    assert sent.size == (224, 224)
    assert np.array_equal(seen(drawn_anew(encoded(sent, "PNG"))), np.asarray(sent))


def test_rejects_too_small_picture_like_the_service(lesion: Image.Image) -> None:
    drawn_anew(encoded(lesion.resize((LIMITS.min_side, LIMITS.min_side)), "PNG"))
    decode(encoded(lesion.resize((LIMITS.min_side, LIMITS.min_side)), "PNG"))
    small = encoded(lesion.resize((LIMITS.min_side - 1, 300)), "PNG")

    with pytest.raises(ImageError):
        decode(small)
    with pytest.raises(PageError) as refused:
        drawn_anew(small)
    assert refused.value.kind == "too_few_pixels"
    assert refused.value.values == {"seen": str(LIMITS.min_side - 1), "limit": str(LIMITS.min_side)}


def chunks(png: bytes) -> set[bytes]:
    found, at = set(), 8
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        found.add(name)
        at += 12 + length
    return found


def told(kind: str) -> dict[str, Any]:
    """Metadata that a camera or an editor writes."""
    exif = turned(6)
    exif[0x010F] = MAKER
    exif.get_ifd(0x8825).update({1: "N", 2: (55.0, 40.0, 34.2), 3: "E", 4: (12.0, 34.0, 6.1)})
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options: dict[str, Any] = {"exif": exif, "icc_profile": profile}
    if kind in ("JPEG", "WEBP"):
        options["xmp"] = f"<x:xmpmeta>{MAKER}</x:xmpmeta>".encode()
    if kind == "JPEG":
        options |= {"comment": MAKER.encode(), "dpi": (300, 300)}
    return options


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_removes_gps_position_maker_and_profile(kind: str, lesion: Image.Image) -> None:
    data = encoded(lesion, kind, **told(kind))
    before = Image.open(io.BytesIO(data))
    assert before.getexif().get_ifd(0x8825)[1] == "N"
    assert MAKER.encode() in data

    after = drawn_anew(data)

    assert chunks(after) == {b"IHDR", b"IDAT", b"IEND"}
    assert MAKER.encode() not in after
    picture = Image.open(io.BytesIO(after))
    picture.load()
    assert not picture.getexif()
    assert not {"exif", "xmp", "icc_profile", "comment"} & set(picture.info)
    assert np.array_equal(np.asarray(picture), seen(data))  # orientation 6 and all


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
ZIP = b"PK\x05\x06" + bytes(18)
NO_PICTURES = {
    "svg": (SVG, "not_a_picture"),
    "svg with a head": (b'<?xml version="1.0"?>' + SVG, "not_a_picture"),
    "gif": (encoded(Image.new("L", (64, 64)), "GIF"), "not_a_picture"),
    "tiff": (encoded(Image.new("L", (64, 64)), "TIFF"), "not_a_picture"),
    "pdf": (b"%PDF-1.7\n%%EOF", "not_a_picture"),
    "page": (b"<!doctype html><script>alert(1)</script>", "not_a_picture"),
    "text": (b"a", "not_a_picture"),
    "heic": (b"\0\0\0\x28ftypheic\0\0\0\0mif1" + bytes(64), "heic"),
}


@pytest.mark.usefixtures("without_heif")
@pytest.mark.parametrize("name", NO_PICTURES)
def test_rejects_what_is_not_a_picture(name: str) -> None:
    data, kind = NO_PICTURES[name]
    with pytest.raises(PageError) as caught:
        drawn_anew(data)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    "hidden",
    [SVG, b"<html><body>", b"<!DOCTYPE html>", b"<?php x", b"%PDF-1.7", ZIP, b"Rar!\x1a\x07\0"],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_rejects_polyglot_files(kind: str, hidden: bytes, lesion: Image.Image) -> None:
    data = encoded(lesion, kind)
    if hidden.startswith(b"%PDF"):  # whose readers look at the start
        comment = b"\xff\xfe" + struct.pack(">H", len(hidden) + 2) + hidden
        data = b"\xff\xd8" + comment + encoded(lesion, "JPEG")[2:]
    else:
        data += hidden
    with pytest.raises(PageError) as caught:
        drawn_anew(data)
    assert caught.value.kind == "polyglot"


def test_detects_html_in_a_comment(lesion: Image.Image) -> None:
    with pytest.raises(PageError) as caught:
        drawn_anew(encoded(lesion, "JPEG", comment=b"<script >alert(1)</script>"))
    assert caught.value.kind == "polyglot"


def test_data_appended_by_phones_is_accepted(lesion: Image.Image) -> None:
    photograph = encoded(lesion, "JPEG")
    film = b"\0\0\0\x18ftypmp42" + np.random.default_rng(0).bytes(300_000)

    for appended in (photograph, film, b"\0" * 4096 + b"SEFT"):
        assert drawn_anew(photograph + appended) == drawn_anew(photograph)


def test_ordinary_photographs_are_not_polyglots(photographs_of_the_sample: list[bytes]) -> None:
    for data in photographs_of_the_sample:
        drawn_anew(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_truncated_file_is_broken(kind: str, lesion: Image.Image) -> None:
    data = encoded(lesion, kind)
    for length in (len(data) // 2, 40):
        with pytest.raises(PageError) as caught:
            drawn_anew(data[:length])
        assert caught.value.kind in ("broken", "not_a_picture"), length


def test_decompression_bomb_uses_no_memory() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n"
    for name, content in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000)))):
        crc = zlib.crc32(name + content)
        png += struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)
    start = time.perf_counter()
    with pytest.raises(PageError) as caught:
        drawn_anew(png)
    assert time.perf_counter() - start < 0.5
    assert (caught.value.kind, caught.value.values) == (
        "too_many_pixels",
        {"seen": "3600.0", "limit": "25"},
    )

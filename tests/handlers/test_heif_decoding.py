"""Test decoding of HEIC and AVIF: the pixels equal those of the libraries."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from handlers.colours import to_srgb
from handlers.decoding import decode
from handlers.protocol import RawRequest
from handlers.service import MelanomaService
from handlers.structure import ImageError, Limits, formats, inspect
from handlers.telemetry import Recorder
from loadtests.hostile import heifs
from loadtests.hostile.files import body
from loadtests.hostile.heifs import heic
from loadtests.hostile.jpegs import encoded
from tests.handlers.heif_files import FAST, avif, by_library, deep, picture, turned
from training.evaluation.stress.colour_spaces import profile

pytestmark = pytest.mark.usefixtures("heif")

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def with_profile() -> Image.Image:
    carries = picture()
    carries.info["icc_profile"] = PROFILE
    return carries


def with_all_that_phones_write() -> Image.Image:
    """Add EXIF with a wrong orientation, which is ignored, XMP and a thumbnail."""
    carries = picture(320, 200)
    exif = Image.Exif()
    exif[0x010F] = "MAKER"
    carries.info |= {"exif": exif.tobytes(), "xmp": b"<x:xmpmeta>MAKER</x:xmpmeta>"}
    return carries


def two_pictures() -> bytes:
    import pillow_heif

    return heic(picture(), quality=80, append_images=[*pillow_heif.from_pillow(picture(80, 80))])


FILES: dict[str, Callable[[], bytes]] = {
    "heic": lambda: heic(picture(), quality=80),
    "heic, odd sides": lambda: heic(picture(97, 65), quality=80),
    "heic, 4:4:4": lambda: heic(picture(), quality=80, chroma=444),
    "heic, 4:2:2": lambda: heic(picture(), quality=80, chroma=422),
    "heic, grey": lambda: heic(picture().convert("L"), quality=80),
    "heic, 10 bits": lambda: deep(picture()),
    "heic, profile": lambda: heic(with_profile(), quality=80),
    "heic, metadata and thumbnail": lambda: heic(
        with_all_that_phones_write(), quality=80, thumbnails=[64], **FAST
    ),
    "heic, grid": lambda: heic(picture(200, 150), quality=80, tile_size=64),
    "heic, two pictures": two_pictures,
    "avif": lambda: avif(picture()),
    "avif, odd sides": lambda: avif(picture(97, 65)),
    "avif, 4:4:4": lambda: avif(picture(), subsampling="4:4:4"),
    "avif, grey": lambda: avif(picture().convert("L")),
    "avif, profile": lambda: avif(picture(), icc_profile=PROFILE),
    "avif, film grain": lambda: avif(picture(), advanced={"film-grain-test": "1"}),
    "avif, moving": lambda: avif(
        picture(), save_all=True, append_images=[picture().rotate(180)], duration=100
    ),
    **{
        f"{kind.lower()}, orientation {value}": lambda kind=kind, value=value: turned(  # type: ignore[misc]
            picture(), kind, value
        )
        for kind in ("HEIC", "AVIF")
        for value in range(2, 9)
    },
}


@pytest.mark.parametrize("name", FILES)
def test_reduced_file_decodes_to_the_same_pixels(name: str) -> None:
    data = FILES[name]()

    found = decode(data)

    assert np.array_equal(np.asarray(found), by_library(data))
    assert ("profile" in name) == ("icc_profile" in found.info)


@pytest.mark.parametrize("name", ["photo.heic", "burst_msf1.heic", "photo.avif"])
def test_public_files_match_their_jpeg(name: str, shared: Path) -> None:
    if not (shared / "cases").is_dir():
        pytest.skip(f"{shared / 'cases'} is missing: it lies next to some checkouts only")
    plain = decode((shared / "cases" / "plain.jpg").read_bytes())
    found = decode((shared / "cases" / name).read_bytes())

    assert found.size == plain.size
    apart = np.abs(np.asarray(found, np.int16) - np.asarray(plain, np.int16))
    assert apart.mean() < 4


@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
@pytest.mark.parametrize("number", [12, 9])
def test_numbered_primaries_are_converted_like_a_profile(number: int, kind: str) -> None:
    item = heifs.coded(heic(picture(), quality=90) if kind == "HEIC" else avif(picture()))
    named = b"colr", b"nclx" + struct.pack(">HHHB", number, 13, 6, 0x80)
    rest = tuple(known for known in item.properties if known[0] != b"colr")
    brand = kind.lower().encode()
    data = heifs.file([replace(item, properties=(*rest, named))], brand=brand)

    found = decode(data)
    plain = np.asarray(found, np.int16)
    converted = np.asarray(to_srgb(found), np.int16)

    assert np.abs(converted - plain).max() > 20
    if number == 12:
        known = decode(data)
        known.info["icc_profile"] = profile("Display P3")
        assert np.abs(converted - np.asarray(to_srgb(known), np.int16)).mean() < 2


def test_metadata_does_not_reach_the_decoder() -> None:
    data = heic(with_all_that_phones_write(), quality=80, thumbnails=[64], **FAST)
    assert data.count(b"MAKER") == 2
    assert data.count(b"hvc1") == 2

    reduced = inspect(data).file()

    assert b"MAKER" not in reduced
    assert b"Exif" not in reduced
    assert reduced.count(b"hvc1") == 1


def test_crop_is_applied_before_rotation() -> None:
    tile = heifs.coded(heic(picture(128, 64), quality=80, chroma=444))
    numbers = (40, 1, 30, 1, 2**32 - 20, 1, 5, 1)  # around a centre left of the middle and below it
    clap = b"clap", b"".join(number.to_bytes(4, "big") for number in numbers)
    data = heifs.file(
        [heifs.Item(tile.type, (*tile.properties, clap, (b"irot", b"\1")), tile.data)]
    )

    found = inspect(data, Limits(min_side=30))

    assert found.crop == (24, 22, 64, 52)
    assert found.shown == (40, 30)
    assert decode(data, Limits(min_side=30)).size == (30, 40)
    assert np.array_equal(np.asarray(decode(data, Limits(min_side=30))), by_library(data))
    with pytest.raises(ImageError, match="40 x 30 pixels; the short side needs at least 31"):
        inspect(data, Limits(min_side=31))


@pytest.mark.parametrize("angle", range(4))
@pytest.mark.parametrize("axis", [b"", b"\0", b"\1"])
def test_rotations_and_mirrors_are_combined_like_the_library(angle: int, axis: bytes) -> None:
    tile = heifs.coded(heic(picture(), quality=80, chroma=444))
    changes = [(b"irot", bytes([angle]))] + [(b"imir", axis)] * len(axis)
    data = heifs.file([heifs.Item(tile.type, (*tile.properties, *changes), tile.data)])

    assert np.array_equal(np.asarray(decode(data)), by_library(data))


@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
def test_phone_grid_is_assembled(kind: str) -> None:
    encode = (lambda one: heic(one, quality=80)) if kind == "HEIC" else avif
    tile = heifs.coded(encode(picture(64, 64)))
    data = heifs.grid(tile, 2, 3, (180, 100), brand=kind.lower().encode())

    found = inspect(data)

    assert (found.format, found.width, found.height) == (kind, 180, 100)
    assert np.array_equal(np.asarray(decode(data)), by_library(data))


def test_service_answers_and_rejects_heif_like_other_formats(
    service_with: Callable[..., MelanomaService],
) -> None:
    good, cut = heic(picture(), quality=80), avif(picture())[:-9]
    rows = [
        RawRequest(body([good, avif(picture())]), "predict"),
        RawRequest(body([good, cut]), "predict"),
    ]

    answered, refused = service_with(batch_seconds=3600).answer(rows, Recorder("v1"))

    assert answered.status == 200
    assert answered.body.count('"label"') == 2
    assert refused.status == 400
    assert "instance 1: the image is broken or cut off" in refused.body


def test_decodes_in_one_thread_within_the_library_limits() -> None:
    import pillow_heif
    from PIL import AvifImagePlugin

    decode(heic(picture(), quality=80))
    decode(avif(picture()))

    assert pillow_heif.options.DECODE_THREADS == 1
    assert not pillow_heif.options.DISABLE_SECURITY_LIMITS
    assert AvifImagePlugin.DEFAULT_MAX_THREADS == 1


def test_rejects_picture_that_differs_from_the_inspection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import pillow_heif

    other = io.BytesIO(encoded(picture(80, 80), "PNG"))
    monkeypatch.setattr(pillow_heif, "HeifImageFile", lambda file: Image.open(other))

    with pytest.raises(ImageError, match="broken"):
        decode(heic(picture(), quality=80))


def test_missing_package_error_says_how_to_install_it(
    request: pytest.FixtureRequest,
) -> None:
    data = heic(picture(), quality=80), avif(picture())
    request.getfixturevalue("without_heif")

    for one, kind in zip(data, ("heic", "avif"), strict=True):
        with pytest.raises(ImageError, match=r"operator .*: make setup HEIF=yes") as caught:
            decode(one)
        assert caught.value.kind == kind


def test_unimportable_package_is_not_blamed_on_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = heic(picture(), quality=80)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr(formats, "heif_enabled", lambda: True)

    with pytest.raises(ImportError):
        decode(data)

"""Test that hostile files are rejected or reduced before decoding; good ones are not."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from handlers.structure import ImageError, inspect, jpeg, png, webp
from loadtests.hostile import jpegs, pngs, webps
from loadtests.hostile.jpegs import before_frame, segment, small

TEXT = b"XML:com.adobe.xmp\0\x01\0\0\0"
BOMB = zlib.compress(bytes(3_000_000), 9)
BLACK = pngs.png(pngs.Header(320, 240))
HALF = len(small()) // 2


def comments(count: int) -> bytes:
    return before_frame(segment(0xFE, b"") * count)


def moving(count: int) -> bytes:
    return webps._animation(count)


REFUSED: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "scans": (
        lambda: jpegs.scans(64, 64, jpeg.MAX_SCANS, refining=False),
        "more than 64 scans",
        "too_complex",
    ),
    "refining scans": (
        lambda: jpegs.scans(5000, 5000, 20, refining=True),
        "costs as much as",
        "too_complex",
    ),
    "segments": (lambda: comments(jpeg.MAX_SEGMENTS + 1), "2,000 segments", "too_complex"),
    "bare markers": (lambda: before_frame(b"\xff\xd0" * 2_001), "2,000 segments", "too_complex"),
    "segments between scans": (
        lambda: small()[:-2] + segment(0xFE, b"") * 2_001 + b"\xff\xd9",
        "2,000 segments",
        "too_complex",
    ),
    "padding of FF": (
        lambda: before_frame(b"\xff" * 65_600),
        "65,536 bytes between",
        "too_complex",
    ),
    "escaped padding": (
        lambda: before_frame(b"\xff\0" * 33_000),
        "65,536 bytes between",
        "too_complex",
    ),
    "zeros between segments": (
        lambda: before_frame(segment(0xFE, b"") + bytes(65_600)),
        "65,536 bytes between",
        "too_complex",
    ),
    "quantisation tables": (
        lambda: before_frame(segment(0xDB, bytes([0, *[1] * 64])) * 1_000),
        "65,536 bytes of tables",
        "too_complex",
    ),
    "buffered samples": (
        lambda: jpegs.encoded(Image.new("CMYK", (4600, 4600)), progressive=True),
        "85 million samples",
        "too_complex",
    ),
    "CMYK in full": (
        lambda: jpegs.encoded(Image.new("CMYK", (1343, 18_600))),
        "costs as much as",
        "too_complex",
    ),
    "two frames": (
        lambda: before_frame(segment(0xC0, b"\x08\0\x20\0\x20\x01\x01\x11\0")),
        "two frames",
        "unsupported",
    ),
    "12 bits": (lambda: jpegs.kind_of(0xC1, 12), "of 12 bits", "unsupported"),
    **{
        f"SOF{number}": (
            lambda number=number: jpegs.kind_of(0xC0 + number),  # type: ignore[misc]
            "which is not supported: save it as a baseline",
            "unsupported",
        )
        for number in jpegs.OTHER
    },
    "JPEG without a scan": (lambda: small()[:300], "broken", "broken"),
    "chunks": (
        lambda: pngs.png(pngs.Header(64, 64), before=pngs.chunk(b"teSt", b"") * png.MAX_CHUNKS),
        "20,000 chunks",
        "too_complex",
    ),
    "image data in bytes": (
        lambda: pngs.png(pngs.Header(64, 64), stream=bytes(20_001), pieces=20_001),
        "20,000 chunks",
        "too_complex",
    ),
    "long image data": (
        lambda: pngs.tables_only(64, 64, 400_000),
        "bytes of compressed pixels for 12,352 bytes",
        "too_complex",
    ),
    "deep PNG": (
        lambda: pngs.png(pngs.Header(3000, 3000, colour=6, depth=16, interlaced=True)),
        "costs as much as",
        "too_complex",
    ),
    "long palette": (
        lambda: pngs.png(pngs.Header(64, 64), before=pngs.chunk(b"PLTE", bytes(1_026))),
        "broken",
        "broken",
    ),
    "38 bytes": (lambda: webps.one_colour(5000, 5000), "of a WebP at most 10", "too_many_pixels"),
    "WebP with alpha": (lambda: webps.one_colour(3100, 3100), "costs as much as", "too_complex"),
    "WebP chunks": (lambda: webps._chunks(20_000), "20,000 chunks", "too_complex"),
    "WebP frames": (lambda: moving(20_000), "20,000 chunks", "too_complex"),
    "small canvas, large picture": (
        lambda: webps.webp(
            webps.chunk(b"VP8X", bytes(4) + b"\x3f\0\0" * 2), webps.one_colour(5000, 5000)[12:]
        ),
        "broken",
        "broken",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_file_is_rejected_with_its_reason(name: str) -> None:
    make, message, kind = REFUSED[name]

    with pytest.raises(ImageError, match=message) as caught:
        inspect(make())

    assert caught.value.kind == kind
    assert kind == "broken" or ":" in str(caught.value), "says how to fix it"


DROPPED: dict[str, tuple[Callable[[], bytes], bytes]] = {
    "EXIF tags": (lambda: before_frame(segment(0xE1, jpegs.exif(5_400))), small()),
    "EXIF segments": (
        lambda: before_frame(segment(0xE1, b"Exif\0\0" + bytes(65_000)) * 100),
        small(),
    ),
    "XMP segments": (
        lambda: before_frame(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<" * 65_000) * 9),
        small(),
    ),
    "colour profile": (
        lambda: before_frame(segment(0xE2, b"ICC_PROFILE\0\x01\x01" + bytes(999))),
        small(),
    ),
    "Photoshop": (lambda: before_frame(segment(0xED, b"Photoshop 3.0\0" + b"8BIM" * 99)), small()),
    "MPF": (lambda: jpegs.files()["JPEG, list of a million pictures (MPF)"](), small()),
    "thumbnail": (lambda: jpegs.files()["JPEG, thumbnail beyond the end"](), small()),
    "ZIP archive": (lambda: small() + b"PK\x05\x06" + bytes(18), small()),
    "second picture": (lambda: small() + small(), small()),
    "stray bytes": (lambda: before_frame(segment(0xFE, b"a") + b"\0\xff\0stray\xff\xff"), small()),
    "texts": (
        lambda: pngs.png(
            pngs.Header(320, 240), before=pngs.chunk(b"zTXt", b"Comment\0\0" + BOMB) * 9
        ),
        BLACK,
    ),
    "XMP": (
        lambda: pngs.png(pngs.Header(320, 240), before=pngs.chunk(b"iTXt", TEXT + BOMB) * 99),
        BLACK,
    ),
    "profile": (
        lambda: pngs.png(pngs.Header(320, 240), before=pngs.chunk(b"iCCP", b"icc\0\0" + BOMB) * 9),
        BLACK,
    ),
    "EXIF chunk": (
        lambda: pngs.png(
            pngs.Header(320, 240), before=pngs.chunk(b"eXIf", jpegs.exif(5_400)[6:] * 99)
        ),
        BLACK,
    ),
    "frames": (lambda: pngs._animated(999), BLACK),
    "WebP frames": (lambda: moving(999), moving(1)),
}


@pytest.mark.parametrize("name", DROPPED)
def test_removes_data_that_the_pixels_do_not_need(name: str) -> None:
    make, plain = DROPPED[name]

    found, wanted = inspect(make()), inspect(plain)

    assert found.file() == wanted.file()
    assert (found.cost, found.orientation) == (wanted.cost, 1)


def test_inflates_few_texts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = []

    class Inflating:
        def decompress(self, data: bytes, limit: int) -> bytes:
            limits.append(limit)
            return b""

    monkeypatch.setattr(png.zlib, "decompressobj", Inflating)

    inspect(pngs.png(pngs.Header(320, 240), before=pngs.chunk(b"iTXt", TEXT + BOMB) * 99))

    assert len(limits) == png.MAX_TEXTS
    assert max(limits) <= png.MAX_XMP


def test_cost_of_a_scan_is_its_samples() -> None:
    costs = [inspect(jpegs.scans(4000, 4000, count, refining=True)).cost for count in (1, 5, 9)]

    assert costs[1] - costs[0] == pytest.approx(costs[2] - costs[1], rel=0.01)
    assert costs[1] - costs[0] == pytest.approx(4 * 16 * 0.15, rel=0.05)


@pytest.mark.parametrize(
    ("options", "least", "most"),
    [
        ({"quality": 90}, 11, 15),
        ({"quality": 90, "progressive": True}, 30, 42),
        ({"quality": 60}, 3, 8),
    ],
)
def test_phone_photographs_are_within_the_budget(
    options: dict[str, int], least: float, most: float
) -> None:
    photograph = jpegs.encoded(jpegs.noisy(4000, 3000, 9), **options)

    assert least < inspect(photograph).cost < most


def test_phone_photograph_is_the_unit_of_cost() -> None:
    assert inspect(jpegs.phone_photograph()).cost == pytest.approx(12, abs=1.5)


def test_rotated_or_blended_pixels_cost_more() -> None:
    plain = inspect(pngs.png(pngs.Header(1000, 1000))).cost

    turned = inspect(pngs.png(pngs.Header(1000, 1000), before=pngs.chunk(b"eXIf", jpegs.TURNED)))
    assert turned.orientation == 6
    assert turned.cost > plain + 1
    assert inspect(pngs.png(pngs.Header(1000, 1000, colour=6))).cost > plain + 2


def test_webp_keeps_its_first_frame_only() -> None:
    reduced = inspect(moving(5)).file()

    assert reduced.count(b"ANMF") == 1
    assert struct.unpack_from("<L", reduced, 4)[0] == len(reduced) - 8
    with Image.open(io.BytesIO(reduced)) as picture:
        assert picture.n_frames == 1  # type: ignore[attr-defined]


def test_truncated_scan_is_left_to_the_decoder() -> None:
    assert not inspect(small()[:HALF]).file().endswith(b"\xff\xd9")
    assert webp.MAX_PIXELS < 25_000_000

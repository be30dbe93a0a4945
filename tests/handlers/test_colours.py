"""Test conversion of other colour spaces to sRGB; unusable profiles are ignored."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from handlers.colours import PROFILE, ignored, to_srgb
from handlers.decoding import centre_view, decode
from handlers.structure import inspect
from handlers.structure.profiles import MAX_PROFILE
from training.evaluation.stress.colour_spaces import SPACES, in_space, profile
from training.synthetic import BENIGN, draw

FORMATS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 97, "subsampling": 0},
    "WEBP": {"lossless": True},
}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="module")
def lesion() -> Image.Image:
    return Image.fromarray(draw(3, BENIGN).image)


def file_of(picture: Image.Image, kind: str, own: bytes | None) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, icc_profile=own, **FORMATS[kind])
    return buffer.getvalue()


def difference(one: bytes, other: bytes) -> np.ndarray:
    views = [np.asarray(centre_view(decode(data)), dtype=int) for data in (one, other)]
    return np.asarray(np.abs(views[0] - views[1]))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("space", SPACES)
def test_converts_other_colour_spaces_to_srgb(space: str, kind: str, lesion: Image.Image) -> None:
    other = in_space(space)(lesion, np.random.default_rng(0))
    plain = file_of(lesion, kind, None)

    assert np.abs(np.asarray(other, dtype=int) - np.asarray(lesion, dtype=int)).mean() > 4
    found = difference(plain, file_of(other, kind, profile(space)))
    assert np.quantile(found, 0.99) <= (6 if kind == "JPEG" else 3)
    assert found.mean() < 1.2


@pytest.mark.parametrize("kind", FORMATS)
def test_srgb_is_not_converted(kind: str, lesion: Image.Image) -> None:
    assert difference(file_of(lesion, kind, None), file_of(lesion, kind, SRGB)).max() == 0


def test_profile_is_the_only_metadata_until_conversion(lesion: Image.Image) -> None:
    own = profile("Display P3")
    picture = decode(file_of(lesion, "PNG", own))

    assert picture.info == {PROFILE: own}
    assert to_srgb(picture).info == centre_view(decode(file_of(lesion, "PNG", own))).info == {}


def with_table(own: bytes) -> bytes:
    return own.replace(b"rTRC", b"A2B0", 1)


def with_gamma(own: bytes, gamma: float) -> bytes:
    at = own.index(b"curv")
    return own.replace(own[at : at + 14], own[at : at + 12] + struct.pack(">H", round(gamma * 256)))


def with_blue(own: bytes, values: bytes) -> bytes:
    at = own.rindex(b"XYZ ")
    return own[: at + 8] + values + own[at + 20 :]


def resized(own: bytes, size: int) -> bytes:
    return struct.pack(">L", size) + own[4:]


P3 = profile("Display P3")
UNUSABLE = {
    "nothing": (b"x", "not a colour profile"),
    "another file": (b"\x89PNG" + bytes(400), "not a colour profile"),
    "cut off": (P3[:-20], "cut off"),
    "too long": (P3 + b"x", "cut off"),
    "too large": (resized(P3 + bytes(MAX_PROFILE), MAX_PROFILE + len(P3)), "larger than 64 KiB"),
    "of CMYK": (P3.replace(b"RGB ", b"CMYK", 1), "not a profile of RGB"),
    "of grey": (P3.replace(b"RGB ", b"GRAY", 1), "not a profile of RGB"),
    "with tables": (with_table(P3), "made of tables"),
    "without a curve": (P3.replace(b"gTRC", b"xxxx", 1), "without a matrix"),
    "with a tag outside": (P3[:132] + b"desc" + b"\xff" * 8 + P3[144:], "damaged"),
    "with too many tags": (P3[:128] + b"\xff" * 4 + P3[132:], "damaged"),
    "without colours": (P3.replace(b"XYZ \0\0\0\0", b"XYZx\0\0\0\0"), "damaged"),
    "with other curves": (P3.replace(b"curv", b"curx"), "damaged"),
    "without blue": (with_blue(P3, bytes(12)), "absurd: grey of 128 becomes (129, 129, 0)"),
    "almost without gamma": (with_gamma(P3, 1 / 256), "absurd: grey of "),
    "with a huge gamma": (with_gamma(P3, 100), "absurd: grey of "),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_profile_is_ignored_with_a_reason(name: str, lesion: Image.Image) -> None:
    own, reason = UNUSABLE[name]
    small = lesion.resize((96, 96))

    assert ignored(own).startswith(reason)
    for kind in FORMATS:
        data = file_of(small, kind, own)
        if len(own) <= MAX_PROFILE:
            assert inspect(data).profile == own
        assert difference(file_of(small, kind, None), data).max() == 0


@pytest.mark.parametrize("own", [b"", P3, SRGB])
def test_usable_profile_has_no_reason(own: bytes) -> None:
    assert ignored(own) == ""


def test_jpeg_profile_parts_may_come_in_any_order(lesion: Image.Image) -> None:
    plain = file_of(lesion, "JPEG", None)

    def part(number: int, of: int, content: bytes) -> bytes:
        body = b"ICC_PROFILE\0" + bytes((number, of)) + content
        return b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body

    parts = [part(2, 2, P3[200:]), part(1, 2, P3[:200])]
    assert inspect(plain[:2] + b"".join(parts) + plain[2:]).profile == P3
    # One is missing: it is no profile, and the picture is read all the same.
    data = plain[:2] + parts[0] + plain[2:]
    assert ignored(inspect(data).profile) != ""
    assert difference(plain, data).max() == 0


def test_compressed_profile_is_read_up_to_its_limit(lesion: Image.Image) -> None:
    plain = file_of(lesion, "PNG", None)
    body = b"iCCP" + b"x\0\0" + zlib.compress(bytes(100_000_000), 9)
    chunk = struct.pack(">L", len(body) - 4) + body + struct.pack(">L", zlib.crc32(body))
    end_of_header = 8 + 25

    found = inspect(plain[:end_of_header] + chunk + plain[end_of_header:])

    assert len(found.profile) == MAX_PROFILE + 1

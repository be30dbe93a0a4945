"""Test rejection of unusable files with the reason."""

import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from handlers.imaging import NOT_AN_IMAGE, ImageError, decode
from handlers.structure import Limits
from loadtests.hostile.pngs import Header, chunk, png

Encode = Callable[..., bytes]

CUT_OFF = "the image is broken or cut off and cannot be decoded: send the whole file again"


def png_claiming(width: int, height: int, pixels: bytes = b"") -> bytes:
    """Greyscale PNG whose header states this width and height."""
    return png(Header(width, height, colour=0), stream=zlib.compress(pixels, 9))


def refusal(data: bytes, **limits: int) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data, Limits(**limits))
    return str(caught.value)


@pytest.fixture(scope="module")
def noise() -> Image.Image:
    """Picture that compresses badly, so that half of the file is half of the picture."""
    levels = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    return Image.fromarray(levels)


def test_rejects_empty_body() -> None:
    assert refusal(b"") == "the image is empty (0 bytes)"


@pytest.mark.parametrize(
    ("data", "guess"),
    [
        (b"not an image", None),
        (b"\x00" * 4096, None),
        (b"\xff\xd8", None),
        (b"<!DOCTYPE html><title>Sign in</title>", "an HTML page"),
        (b"\n<HTML><body>404</body></HTML>", "an HTML page"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "a HEIC photo: on an iPhone"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic", "a HEIC photo: on an iPhone"),
        (b"\x00\x00\x00\x18ftypmsf1\x00\x00\x00\x00msf1hevc", "a HEIC photo: on an iPhone"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avif", "an AVIF image: save a copy"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42", "a video: send a photograph"),
        (b"\xff\x0a\xfa\x7f\x01\x90", "a JPEG XL image: save a copy"),
        (b"\0\0\0\x0cJXL \r\n\x87\n\0\0", "a JPEG XL image: save a copy"),
        (b"\0\0\0\x0cjP  \r\n\x87\n\0\0", "a JPEG 2000 image: save a copy"),
        (b"\xff\x4f\xff\x51\0\x29", "a JPEG 2000 image: save a copy"),
        (bytes(128) + b"DICM\2\0\0\0", "a DICOM file: export the picture"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF"),
    ],
)
@pytest.mark.usefixtures("without_heif")
def test_rejects_other_files_and_guesses_their_type(data: bytes, guess: str | None) -> None:
    said = refusal(data)

    if guess is None:
        assert said == NOT_AN_IMAGE
    else:
        assert said.startswith(f"{NOT_AN_IMAGE}: it looks like {guess}")


@pytest.mark.parametrize(
    ("kind", "guess"), [("GIF", "a GIF"), ("TIFF", "a TIFF"), ("BMP", "a BMP")]
)
def test_rejects_other_image_formats(
    kind: str, guess: str, noise: Image.Image, encoded: Encode
) -> None:
    # Pillow could read them: the formats that are accepted are a promise, not an accident.
    assert refusal(encoded(noise, kind)).startswith(f"{NOT_AN_IMAGE}: it looks like {guess}: save")


@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {})],
)
def test_rejects_truncated_file(
    kind: str, options: dict[str, object], noise: Image.Image, encoded: Encode
) -> None:
    data = encoded(noise, kind, **options)

    assert refusal(data[: len(data) // 2]) == CUT_OFF
    assert refusal(data[: len(data) * 9 // 10]) == CUT_OFF


def test_rejects_truncated_webp(noise: Image.Image, encoded: Encode) -> None:
    # Pillow opens no WebP before it has all of it.
    data = encoded(noise, "WEBP")

    assert refusal(data[: len(data) // 2]).startswith((NOT_AN_IMAGE, CUT_OFF))


def test_rejects_damaged_png(noise: Image.Image, encoded: Encode) -> None:
    data = bytearray(encoded(noise, "PNG"))
    data[len(data) // 2] ^= 0xFF

    assert refusal(bytes(data)) == CUT_OFF


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png_claiming(64, 64)[:20], id="PNG cut in its header"),
        pytest.param(png_claiming(0, 64), id="PNG of no width"),
        pytest.param(b"\xff\xd8\xff\xe0" + b"\x00" * 40, id="JPEG of zeros"),
        pytest.param(b"\xff\xd8\xff\xc0\x00\x03\x08", id="JPEG with a cut frame"),
        pytest.param(b"RIFF\x10\x00\x00\x00WEBPVP8 ", id="WebP without content"),
    ],
)
def test_rejects_broken_header(data: bytes) -> None:
    # Which of the messages depends on where Pillow gives up.
    assert refusal(data).startswith((NOT_AN_IMAGE, "the image is broken", "0 x 64 pixels"))


def test_reports_header_that_pillow_cannot_read(encoded: Encode, noise: Image.Image) -> None:
    data = bytearray(encoded(noise, "PNG"))
    data[29] ^= 0xFF  # the header's checksum

    assert refusal(bytes(data)).startswith(NOT_AN_IMAGE)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (31, 400), (400, 31)])
def test_rejects_too_small_picture(width: int, height: int, encoded: Encode) -> None:
    said = refusal(encoded(Image.new("RGB", (width, height)), "PNG"))

    assert said == (
        f"{width} x {height} pixels; the short side needs at least 32: send a larger photograph"
    )


def test_accepts_smallest_picture(encoded: Encode) -> None:
    assert decode(encoded(Image.new("RGB", (32, 32)), "PNG")).size == (32, 32)


def test_rejects_decompression_bomb_by_its_header() -> None:
    bomb = png_claiming(50_000, 50_000, pixels=b"\x00" * 20_000_000)
    assert len(bomb) < 25_000

    tracemalloc.start()
    said = refusal(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert said == (
        "50000 x 50000 pixels are 2500.0 megapixels; at most 25 are accepted: "
        "scale the photograph down"
    )
    assert peak < 1_000_000


def test_pixel_limit_is_exact(encoded: Encode) -> None:
    data = encoded(Image.new("L", (100, 50)), "PNG")

    assert decode(data, Limits(max_pixels=5000)).size == (100, 50)
    assert "at most 0.004999 are accepted" in refusal(data, max_pixels=4999)
    # One row above 25 megapixels, and none of them there.
    assert "25.0 megapixels; at most 25 are" in refusal(png_claiming(5000, 5001))


def test_minimum_short_side_is_a_setting(encoded: Encode) -> None:
    data = encoded(Image.new("L", (100, 50)), "PNG")

    assert "at least 51" in refusal(data, min_side=51)


def test_compressed_text_bomb_in_a_png_is_not_inflated() -> None:
    text = chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(b"\x00" * 200_000_000, 9))
    whole = png_claiming(64, 64, pixels=b"\x00" * 65 * 64)
    # After the header chunk: 8 bytes of signature and 25 of IHDR.
    bomb = whole[:33] + text + whole[33:]

    tracemalloc.start()
    picture = decode(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert picture.size == (64, 64)
    assert peak < 1_000_000

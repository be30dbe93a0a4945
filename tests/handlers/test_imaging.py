"""Test the preparation of a file's bytes as model input."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from handlers.imaging import MEAN, STD, centre_view, decode, to_tensor

ORIENTATION = 0x0112

Encode = Callable[..., bytes]


@pytest.fixture(scope="module")
def picture(drawn: Callable[[int, int], Image.Image]) -> Image.Image:
    """Picture that is not square and differs in every corner."""
    levels = np.asarray(drawn(1, 1)).astype(int)
    levels += np.linspace(-40, 40, 240, dtype=int)[None, :, None]
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8)).crop((0, 0, 240, 180))


def off(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of two pictures, in levels of 255."""
    assert one.size == other.size
    return float(np.abs(np.asarray(one, np.float32) - np.asarray(other, np.float32)).mean())


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("WEBP", {"quality": 95}),
    ],
)
def test_decodes_three_formats(
    kind: str, options: dict[str, object], picture: Image.Image, encoded: Encode
) -> None:
    decoded = decode(encoded(picture, kind, **options))

    assert decoded.mode == "RGB"
    lossless = kind == "PNG" or "lossless" in options
    assert off(decoded, picture) <= (0 if lossless else 3)


@pytest.mark.parametrize(
    ("size", "scaled"),
    [
        ((4000, 3000), (1000, 750)),
        ((3600, 4800), (900, 1200)),
        ((1344, 1351), (672, 676)),
        ((1343, 4000), (1343, 4000)),
        ((300, 300), (300, 300)),
    ],
)
def test_large_jpeg_is_decoded_at_reduced_scale(
    size: tuple[int, int], scaled: tuple[int, int], picture: Image.Image, encoded: Encode
) -> None:
    large = picture.resize(size, Image.Resampling.BICUBIC)

    decoded = decode(encoded(large, "JPEG", quality=92))

    assert decoded.size == scaled
    assert off(centre_view(decoded), centre_view(large)) < 1


def test_jpeg_of_another_encoder_is_decoded_at_full_scale(
    picture: Image.Image, encoded: Encode
) -> None:
    large = picture.resize((1200, 900))

    assert decode(encoded(large, "PNG")).size == (1200, 900)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotated_jpeg_equals_upright_jpeg(
    orientation: int, picture: Image.Image, encoded: Encode
) -> None:
    # How the camera's sensor saw the picture, so that the tag turns it upright again.
    turned = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    tag = Image.Exif()
    tag[ORIENTATION] = orientation
    seen = picture.transpose(turned[orientation]) if orientation > 1 else picture

    assert off(decode(encoded(seen, "PNG", exif=tag)), picture) == 0
    decoded = decode(encoded(seen, exif=tag, quality=95, subsampling=0))
    # The quantisation of JPEG is not the same for rows and columns.
    assert off(decoded, picture) < 2
    assert decoded.getexif().get(ORIENTATION, 1) == 1


def test_orientation_applies_to_webp(picture: Image.Image, encoded: Encode) -> None:
    tag = Image.Exif()
    tag[ORIENTATION] = 6
    seen = picture.transpose(Image.Transpose.ROTATE_90)

    assert off(decode(encoded(seen, "WEBP", exif=tag, lossless=True)), picture) == 0


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
@pytest.mark.parametrize(
    "tag", [b"Exif\0\0II*\0", b"Exif\0\0" + b"\xff" * 60, b"Exif\0\0MM\0*\0\0\0\x08\0\x05"]
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_file_with_damaged_exif_is_decoded(
    tag: bytes, kind: str, picture: Image.Image, encoded: Encode
) -> None:
    # The pixels are complete; an editor has written invalid EXIF.
    assert off(decode(encoded(picture, kind, exif=tag, quality=95)), picture) < 2


def test_cmyk_jpeg_keeps_its_colours(picture: Image.Image, encoded: Encode) -> None:
    assert off(decode(encoded(picture.convert("CMYK"), quality=95)), picture) < 3


def test_a_greyscale_jpeg_becomes_grey_rgb(picture: Image.Image, encoded: Encode) -> None:
    decoded = decode(encoded(picture.convert("L"), quality=95))

    assert decoded.mode == "RGB"
    assert off(decoded, picture.convert("L").convert("RGB")) < 3


def test_sixteen_bit_grey_keeps_its_high_byte_and_is_not_white(encoded: Encode) -> None:
    levels = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)

    decoded = decode(encoded(Image.fromarray(levels), "PNG"))

    assert np.array_equal(np.asarray(decoded)[..., 0], levels >> 8)


def test_a_one_bit_png_is_black_and_white(encoded: Encode) -> None:
    board = np.indices((64, 64)).sum(axis=0) // 8 % 2 == 1

    decoded = decode(encoded(Image.fromarray(board), "PNG"))

    assert np.array_equal(np.asarray(decoded), np.repeat(board[..., None] * 255, 3, axis=2))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_composited_on_white(mode: str, encoded: Encode) -> None:
    layered = Image.new("RGBA", (64, 64), (40, 40, 40, 255))
    layered.paste((40, 40, 40, 0), (0, 0, 32, 64))
    layered.paste((40, 40, 40, 128), (0, 0, 64, 8))

    decoded = np.asarray(decode(encoded(layered.convert(mode), "PNG")))

    assert (decoded[20, 10] == 255).all()
    assert (decoded[20, 50] == 40).all()
    assert np.abs(decoded[2, 50].astype(int) - 147).max() <= 1  # half of 40, half of 255


def test_a_palette_png_with_and_without_transparency(encoded: Encode) -> None:
    indexed = Image.new("P", (64, 64), 1)
    indexed.putpalette([10, 20, 30, 200, 100, 50])
    indexed.paste(0, (0, 0, 32, 64))

    plain = np.asarray(decode(encoded(indexed, "PNG")))
    clear = np.asarray(decode(encoded(indexed, "PNG", transparency=0)))

    assert plain[5, 5].tolist() == [10, 20, 30]
    assert clear[5, 5].tolist() == [255, 255, 255]
    assert plain[5, 60].tolist() == clear[5, 60].tolist() == [200, 100, 50]


def test_transparent_colour_of_rgb_png_becomes_white(encoded: Encode) -> None:
    solid = Image.new("RGB", (64, 64), (10, 20, 30))
    solid.paste((200, 100, 50), (32, 0, 64, 64))

    decoded = np.asarray(decode(encoded(solid, "PNG", transparency=(10, 20, 30))))

    assert decoded[5, 5].tolist() == [255, 255, 255]
    assert decoded[5, 60].tolist() == [200, 100, 50]


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {"default_image": False}), ("WEBP", {"lossless": True}), ("MPO", {"quality": 95})],
)
def test_uses_first_of_several_frames(
    kind: str, options: dict[str, object], picture: Image.Image, encoded: Encode
) -> None:
    second = Image.new("RGB", picture.size, "lime")

    data = encoded(picture, kind, save_all=True, append_images=[second], **options)

    with Image.open(io.BytesIO(data)) as several:
        assert several.n_frames == 2
    assert off(decode(data), picture) < (3 if kind == "MPO" else 0.01)


@pytest.mark.parametrize("size", [(240, 160), (160, 240), (701, 233)])
def test_centre_view_takes_the_middle_square(size: tuple[int, int]) -> None:
    # Red outside the middle square, by a margin that the resampling filter cannot reach over.
    width, height = size
    short, margin = min(size), 4
    marked = Image.new("RGB", size, "red")
    left, top = (width - short) // 2, (height - short) // 2
    marked.paste("navy", (left - margin, top - margin, left + short + margin, top + short + margin))

    view = centre_view(marked)

    assert (view.mode, view.size) == ("RGB", (224, 224))
    assert view.getcolors() == [(224 * 224, (0, 0, 128))]


@pytest.mark.parametrize("way", list(Image.Transpose))
@pytest.mark.parametrize("size", [(300, 300), (641, 480)])
def test_view_of_a_turned_picture_is_the_turned_view(
    size: tuple[int, int], way: Image.Transpose, picture: Image.Image
) -> None:
    scaled = picture.resize(size)
    view = centre_view(scaled)

    turned = centre_view(scaled.transpose(way))

    assert off(turned, view.transpose(way)) == 0


def test_square_view_equals_torchvision(drawn: Callable[..., Image.Image]) -> None:
    wanted = transforms.Compose([transforms.Resize(224), transforms.CenterCrop(224)])

    for side in (224, 240, 500, 97):
        square = drawn(2, 1).resize((side, side))
        # Torchvision always scales along the rows first.
        lying = wanted(square.transpose(Image.Transpose.TRANSPOSE))
        possible = wanted(square), lying.transpose(Image.Transpose.TRANSPOSE)
        assert centre_view(square).tobytes() in {one.tobytes() for one in possible}


@pytest.mark.parametrize("size", [(240, 180), (300, 451), (1000, 231)])
def test_other_views_are_close_to_torchvision(
    size: tuple[int, int], drawn: Callable[..., Image.Image]
) -> None:
    # torchvision rounds the long side to whole pixels before it crops: half a pixel off.
    wanted = transforms.Compose([transforms.Resize(224), transforms.CenterCrop(224)])
    oblong = drawn(2, 1).resize(size)

    assert off(centre_view(oblong), wanted(oblong)) < 2.5


def test_tensor_equals_torchvision(drawn: Callable[..., Image.Image]) -> None:
    view = centre_view(drawn(3, 0))
    wanted = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])(view)

    tensor = to_tensor(view)

    assert tensor.shape == (3, 224, 224)
    assert tensor.dtype == torch.float32
    assert tensor.is_contiguous()
    torch.testing.assert_close(tensor, wanted, atol=1e-6, rtol=0)

"""Test unusual but valid photographs against their plain counterpart."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.e2e.environment import SERVED
from tests.e2e.requests_of import RAW_PREDICT


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def probability(client: httpx.Client, data: bytes) -> float:
    reply = client.post(RAW_PREDICT, content=data)
    assert reply.status_code == 200, reply.text
    return float(reply.json()["probability"])


@pytest.fixture
def picture(photographs: list[bytes]) -> Image.Image:
    return Image.open(io.BytesIO(photographs[0])).convert("RGB")


def test_cmyk_jpeg(client: httpx.Client, picture: Image.Image) -> None:
    data = encoded(picture.convert("CMYK"), "JPEG", quality=95)
    twin = Image.open(io.BytesIO(data)).convert("RGB")
    assert probability(client, data) == probability(client, encoded(twin))
    assert probability(client, data) == pytest.approx(
        probability(client, encoded(picture)), abs=0.2
    )


def test_16_bit_grey_png(client: httpx.Client, picture: Image.Image) -> None:
    grey = picture.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    assert deep.mode == "I;16"
    assert probability(client, encoded(deep)) == probability(client, encoded(grey))


def test_palette_png(client: httpx.Client, picture: Image.Image) -> None:
    palette = picture.quantize(64)
    data = encoded(palette)
    assert Image.open(io.BytesIO(data)).mode == "P"
    assert probability(client, data) == probability(client, encoded(palette.convert("RGB")))


def test_alpha_is_composited_on_white(client: httpx.Client, picture: Image.Image) -> None:
    clear = picture.copy()
    clear.putalpha(0)
    white = Image.new("RGB", picture.size, "white")
    assert probability(client, encoded(clear)) == probability(client, encoded(white))
    opaque = picture.convert("RGBA")
    assert probability(client, encoded(opaque)) == probability(client, encoded(picture))


def test_greyscale_jpeg(client: httpx.Client, picture: Image.Image) -> None:
    grey = encoded(picture.convert("L"), "JPEG", quality=95)
    twin = Image.open(io.BytesIO(grey)).convert("RGB")
    assert probability(client, grey) == probability(client, encoded(twin))


def test_phone_photograph_rotated_by_exif(client: httpx.Client, picture: Image.Image) -> None:
    # Orientation 6: the camera was turned, the viewer turns the picture back by 270 degrees.
    lying = picture.crop((0, 0, 300, 220)).resize((640, 480))
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(lying, "JPEG", quality=95, exif=exif)
    stored = Image.open(io.BytesIO(data)).convert("RGB")
    upright = stored.transpose(Image.Transpose.ROTATE_270)
    assert probability(client, data) == probability(client, encoded(upright))
    # A canonical orientation does not depend on how the camera was held.
    same = probability(client, data) == probability(client, encoded(stored))
    assert same is bool(SERVED.orientations)


def test_webp(client: httpx.Client, picture: Image.Image) -> None:
    data = encoded(picture, "WEBP", lossless=True)
    assert probability(client, data) == probability(client, encoded(picture))

"""HEIC and AVIF files for the tests, and their pixels by the libraries."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from handlers.structure import ImageError, inspect
from loadtests.hostile import heifs
from loadtests.hostile.heifs import Item, coded, file, grid, heic
from loadtests.hostile.jpegs import encoded
from tests.handlers.heif_streams import hvcc, sps, unit

FAST = {"enc_params": {"preset": "ultrafast"}}
"""Options of the HEIC encoder for larger pictures."""


def picture(width: int = 96, height: int = 64) -> Image.Image:
    """Smooth, coloured and asymmetric picture, so that a wrong rotation is detected."""
    colours = np.random.default_rng(3).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize((width, height), Image.Resampling.BICUBIC)


def deep(source: Image.Image, **options: Any) -> bytes:
    """HEIC with 10 bits."""
    import pillow_heif

    samples = np.asarray(source).astype(np.uint16) * 257
    buffer = io.BytesIO()
    made = pillow_heif.from_bytes("RGB;16", source.size, samples.tobytes())
    made.save(buffer, quality=80, **options)
    return buffer.getvalue()


def avif(source: Image.Image, **options: Any) -> bytes:
    """AVIF, quickly encoded."""
    return encoded(source, "AVIF", **{"speed": 10, **options})


def turned(source: Image.Image, kind: str, orientation: int) -> bytes:
    """File whose encoder converts EXIF's orientation into properties of the format."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind == "AVIF":
        return avif(source, exif=exif.tobytes())
    copy = source.copy()
    copy.info["exif"] = exif.tobytes()
    return heic(copy, quality=80)


def by_library(data: bytes) -> np.ndarray:
    """Pixels of shape (height, width, 3) as the library decodes the complete file."""
    import pillow_heif

    if data[8:11] == b"avi":
        with Image.open(io.BytesIO(data)) as opened:
            return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    opened = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    return np.asarray(opened.to_pillow().convert("RGB"))


def heic_item(**options: object) -> Item:
    return coded(heic(picture(), quality=80, **options))


def avif_item() -> Item:
    return coded(avif(picture()))


def made_up(
    *parameter_sets: bytes,
    data: bytes = unit(19),
    size: tuple[int, int] = (96, 64),
    version: int = 1,
) -> bytes:
    """HEIC of headers only, without decodable data."""
    known = (b"hvcC", hvcc(*parameter_sets, version=version)), heifs.ispe(*size)
    return file([Item(b"hvc1", known, data)])


def of_units(*units: bytes) -> bytes:
    return made_up(sps(96, 64), data=b"".join(units))


def made_up_avif(*units: bytes, config: bytes = b"\x81\0\0\0") -> bytes:
    known = (b"av1C", config), heifs.ispe(96, 64)
    return file([Item(b"av01", known, b"".join(units))], brand=b"avif")


def with_more(item: Item, *more: tuple[bytes, bytes]) -> bytes:
    return file([replace(item, properties=(*item.properties, *more))])


def a_grid(**changes: object) -> bytes:
    options: dict[str, object] = {"rows": 2, "columns": 2, "size": (192, 128)} | changes
    return grid(heic_item(), **options)  # type: ignore[arg-type]


def slices(count: int) -> bytes:
    size = 2048, 1536
    units = [unit(19), *[unit(19, first=False)] * (count - 1)]
    return made_up(sps(*size), data=b"".join(units), size=size)


def refused(make: Callable[[], bytes], message: str, kind: str) -> None:
    """Check that a file is rejected with a matching message, a fix and the expected kind."""
    with pytest.raises(ImageError, match=message) as caught:
        inspect(make())

    assert caught.value.kind == kind
    assert ":" in str(caught.value), "says how to fix it"

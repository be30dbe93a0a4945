"""Photographs in other colour spaces, which must get the same predictions as in sRGB."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image, ImageCms

from handlers.colours import PROFILE

# Columns red, green and blue in XYZ under D50, as ICC profiles have them; and the gamma.
SPACES: Final = {
    "Display P3": (
        ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)),
        2.2,
    ),
    "Adobe RGB": (
        ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)),
        2.2,
    ),
    "ProPhoto RGB": (
        ((0.7977, 0.2880, 0.0000), (0.1352, 0.7119, 0.0000), (0.0313, 0.0001, 0.8249)),
        1.8,
    ),
}
"""Apple's Display P3 has sRGB's curve; a gamma of 2.2 differs from it by a level or two."""
_WHITE: Final = (0.9642, 1.0, 0.8249)


def profile(space: str) -> bytes:
    """Build a colour profile (ICC.1:2001, version 2.4) from a matrix and a gamma.

    Args:
        space: key of :data:`SPACES`.
    """
    columns, gamma = SPACES[space]
    curve = struct.pack(">4s4xLHxx", b"curv", 1, round(gamma * 256))
    text = b"desc" + bytes(4) + struct.pack(">L", len(space) + 1) + space.encode() + bytes(79)
    tags = {
        b"desc": text + bytes(-len(text) % 4),
        b"wtpt": _xyz(_WHITE),
        b"cprt": b"text" + bytes(4) + b"none" + bytes(4),
        **dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(_xyz, columns), strict=True)),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    at = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">L", len(tags)), b""
    for name, content in tags.items():
        table += struct.pack(">4sLL", name, at + len(data), len(content))
        data += content
    size = at + len(data)
    head = struct.pack(
        ">L4sL4s4s4s12x4s", size, b"none", 0x02400000, b"mntr", b"RGB ", b"XYZ ", b"acsp"
    )
    head += bytes(68 - len(head)) + struct.pack(">lll", *map(_fixed, _WHITE))
    return head + bytes(128 - len(head)) + table + data


def in_space(space: str) -> Callable[[Image.Image, np.random.Generator], Image.Image]:
    """Return a conversion of pictures to another colour space, with its profile.

    Args:
        space: key of :data:`SPACES`.
    """
    own = profile(space)
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"),
        ImageCms.ImageCmsProfile(io.BytesIO(own)),
        "RGB",
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )

    def change(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
        del generator
        converted = ImageCms.applyTransform(picture, transform)
        assert converted is not None
        converted.info[PROFILE] = own
        return converted

    return change


def _xyz(values: tuple[float, float, float]) -> bytes:
    return struct.pack(">4s4xlll", b"XYZ ", *map(_fixed, values))


def _fixed(value: float) -> int:
    return round(value * 65536)

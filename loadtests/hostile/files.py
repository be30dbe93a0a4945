"""Every hostile file by name, and V1 bodies of many that might be accepted alone; deterministic."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Final

from PIL import Image

from loadtests.hostile import jpegs, pngs, webps
from loadtests.hostile.jpegs import encoded, noisy, scans
from loadtests.hostile.pngs import Header, png
from loadtests.hostile.webps import one_colour

INSTANCES: Final = 16
"""Maximum instances of one request."""


def body(images: Sequence[bytes]) -> bytes:
    """Build a V1 body of these images."""
    rows = [{"data": base64.b64encode(image).decode("ascii")} for image in images]
    return json.dumps({"instances": rows}).encode()


def makers() -> dict[str, Callable[[], bytes]]:
    """Return functions that make each file, by name; together hundreds of megabytes."""
    return jpegs.files() | pngs.files() | webps.files()


def body_makers() -> dict[str, Callable[[], bytes]]:
    """Return functions that make each body, by name."""
    return {
        "16 x WebP, 25 megapixels": lambda: body([one_colour(5000, 5000)] * INSTANCES),
        "16 x WebP, 7 megapixels": lambda: body([one_colour(2700, 2700)] * INSTANCES),
        "16 x JPEG, 25 megapixels": lambda: body(
            [encoded(Image.new("RGB", (5000, 5000), "tan"))] * INSTANCES
        ),
        "16 x JPEG, 12 megapixels, 0.8 MB": lambda: body(
            [encoded(noisy(4000, 3000, 5), quality=65)] * INSTANCES
        ),
        "16 x progressive JPEG, 25 megapixels": lambda: body(
            [scans(5000, 5000, 8, refining=True)] * INSTANCES
        ),
        "16 x PNG, 25 megapixels": lambda: body([png(Header(5000, 5000))] * INSTANCES),
        "16 x JPEG, 3 megapixels, within the budget": lambda: body(
            [encoded(noisy(2000, 1500, 6), quality=85)] * INSTANCES
        ),
    }

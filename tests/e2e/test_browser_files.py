"""Test what the page's script makes of a file before it is sent."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from handlers.imaging import ImageError, centre_view, decode
from tests.e2e.browser import visiting
from tests.e2e.pages import Page
from tests.web.test_pictures import FILES, MAKER, told
from training.synthetic import draw

STRIP = """async (base64) => {
    const {kindOf, stripped} = await import("/static/files.js");
    const bytes = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
    const clean = stripped(bytes, kindOf(bytes));
    return btoa(Array.from(clean, (byte) => String.fromCharCode(byte)).join(""));
}"""


@pytest.fixture(scope="module")
def strip(browser: Browser, page: Page) -> Iterator[Callable[[bytes], bytes]]:
    """Clean files in one tab, which is left as it was."""
    with visiting(browser, page.url) as begun:

        def clean(data: bytes) -> bytes:
            text = base64.b64encode(data).decode()
            return base64.b64decode(begun.tab.evaluate(STRIP, text))

        yield clean


@pytest.mark.parametrize("kind", FILES)
def test_browser_side_processing_keeps_the_pixels(
    kind: str, strip: Callable[[bytes], bytes]
) -> None:
    lesion = Image.fromarray(draw(7, 1, size=200).image).crop((0, 20, 200, 180))
    data = FILES[kind](lesion)

    seen = [np.asarray(centre_view(decode(file))) for file in (data, strip(data))]
    assert np.array_equal(*seen)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_browser_removes_camera_metadata(kind: str, strip: Callable[[bytes], bytes]) -> None:
    buffer = io.BytesIO()
    picture = Image.fromarray(draw(7, 1, size=200).image)
    picture.save(buffer, kind, **told(kind))
    data = buffer.getvalue()
    after = data + b"a film with its own position" if kind == "JPEG" else data

    clean = strip(after)

    assert MAKER.encode() in after
    assert MAKER.encode() not in clean
    assert b"film" not in clean
    before, left = (Image.open(io.BytesIO(file)) for file in (data, clean))
    assert set(left.getexif()) == {0x0112}
    assert left.getexif().get_ifd(0x8825) == {}
    assert not {"xmp", "comment"} & set(left.info)
    assert left.info["icc_profile"] == before.info["icc_profile"]  # what the colours mean
    assert np.array_equal(np.asarray(before), np.asarray(left))


def test_unusual_files_keep_their_pixels_in_the_browser(
    strip: Callable[[bytes], bytes], shared: Path
) -> None:
    folder = shared / "cases"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing")
    compared = 0
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        try:
            wanted = np.asarray(centre_view(decode(data)))
        except ImageError:
            continue
        assert np.array_equal(np.asarray(centre_view(decode(strip(data)))), wanted), path.name
        compared += 1
    assert compared >= 12

"""Test the decoder: budgets, no log lines, and unchanged pixels."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from handlers import decoding
from handlers.decoding import BAND, decode
from handlers.structure import ImageError, Limits
from loadtests.hostile import jpegs, pngs
from loadtests.hostile.jpegs import before_frame, segment, small

Encode = Callable[..., bytes]


def test_deflate_data_without_pixels_is_stopped_by_cpu_time() -> None:
    reads: list[None] = []

    def clock() -> float:
        reads.append(None)
        return 0.05 * len(reads)

    data = pngs.tables_only(1000, 1000, 2_000_000)  # 31 blocks of 64 KiB
    with pytest.raises(ImageError, match=r"not decoded after 0\.4 s of processor time") as caught:
        decode(data, Limits(max_seconds=0.4), clock)

    assert caught.value.kind == "too_complex"
    assert len(reads) < 12


def test_other_formats_need_no_cpu_limit(encoded: Encode) -> None:
    ticks = iter(range(10**6))

    for kind in ("JPEG", "WEBP"):
        data = encoded(Image.new("RGB", (64, 64)), kind)
        decode(data, Limits(max_seconds=0.1), lambda: float(next(ticks)))


def test_picture_beyond_the_budget_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_load", None)

    with pytest.raises(ImageError, match=r"as 1 megapixels of baseline JPEG; at most 0\.5"):
        decode(pngs.png(pngs.Header(700, 700)), Limits(max_cost=0.5))


def test_file_content_is_neither_logged_nor_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    exif = jpegs.exif(5_400)

    decode(before_frame(segment(0xE1, exif)))  # a warning would be an error here
    decode(
        pngs.png(
            pngs.Header(320, 240), before=pngs.chunk(b"eXIf", exif[6:]) + pngs.chunk(b"seCr", b"et")
        )
    )

    assert "seCr" not in caplog.text
    assert len(caplog.records) < 10


def test_metadata_does_not_change_pixels() -> None:
    profile = segment(0xE2, b"ICC_PROFILE\0\x01\x01" + bytes(999))

    assert decode(before_frame(profile)).tobytes() == decode(small()).tobytes()


def test_large_picture_with_alpha_has_no_seams(encoded: Encode) -> None:
    picture = jpegs.noisy(1200, 1100, 20)
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    assert picture.width * picture.height > BAND

    white = Image.new("RGBA", picture.size, "white")
    wanted = Image.alpha_composite(white, picture).convert("RGB")

    assert np.array_equal(np.asarray(decode(encoded(picture, "PNG"))), np.asarray(wanted))

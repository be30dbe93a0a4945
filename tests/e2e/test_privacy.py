"""Test that no photograph, base64 or EXIF reaches a log."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import httpx
from PIL import Image

from serving.local import LocalServer
from tests.e2e.requests_of import (
    EXPLAIN,
    PREDICT,
    RAW_EXPLAIN,
    RAW_PREDICT,
    base64_of,
    instances,
)

MAKER = "SECRET-CAMERA-MAKER"
JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def with_exif(photograph: bytes) -> bytes:
    image = Image.open(io.BytesIO(photograph)).convert("RGB")
    exif = Image.Exif()
    exif[0x010F] = MAKER
    exif.get_ifd(0x8825)[1] = "N"
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def traces(photograph: bytes) -> list[bytes]:
    """Fragments that must not be found: of the file, its base64 and escaped forms.

    Any 36 bytes in a row hold one of them.
    """
    text = base64_of(photograph)
    pieces = [text[at : at + 24].encode() for at in range(0, len(text) - 24, 12)]
    pieces += [photograph[at : at + 16] for at in range(0, len(photograph) - 16, 8)]
    pieces += [repr(photograph[at : at + 12])[2:-1].encode() for at in range(0, 2000, 3)]
    return [*pieces, MAKER.encode()]


def logged(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_logs_contain_nothing_of_a_photograph(
    start: Callable[..., LocalServer], photographs: list[bytes]
) -> None:
    photograph = with_exif(photographs[0])
    text = base64_of(photograph)
    with start() as server:
        with httpx.Client(base_url=server.inference, timeout=120) as client:
            good = [
                client.post(PREDICT, json=instances(photograph)),
                client.post(EXPLAIN, json=instances(photograph, method="integrated_gradients")),
                client.post(RAW_PREDICT, content=photograph),
                client.post(RAW_EXPLAIN, content=photograph),
                client.post(RAW_PREDICT, files={"data": ("x.jpg", photograph, "image/jpeg")}),
            ]
            # What cannot be read is what a careless server would log.
            bad = [
                client.post(PREDICT, content=b'{"instances": ["' + text.encode(), headers=JSON),
                client.post(PREDICT, content=photograph, headers=JSON),
                client.post(PREDICT, json={"instances": [text[:-1] + "*"]}),
                client.post(PREDICT, json={"instances": text}),
                client.post(EXPLAIN, json={"instances": [{"data": text, "method": text[:60]}]}),
                client.post(RAW_EXPLAIN, content=photograph, headers={"x-method": MAKER}),
                client.post(RAW_PREDICT, content=photograph[: len(photograph) // 2]),
            ]
            odd = [
                client.post(RAW_PREDICT, content=photograph, headers=TEXT),
                client.post(RAW_PREDICT, content=photograph, headers=FORM),
                client.post(f"{RAW_PREDICT}?name={MAKER}", content=photograph, headers=TEXT),
                client.post(f"/predictions/{MAKER}", content=photograph, headers={MAKER: MAKER}),
            ]
        # The metrics are exposed to others as well.
        metrics = httpx.get(f"{server.metrics}/metrics").content
        folder = server.settings.logs
    assert [reply.status_code for reply in good] == [200] * len(good)
    assert [reply.status_code for reply in bad] == [400] * len(bad)
    assert [reply.status_code for reply in odd] == [415, 415, 415, 404]
    everything = logged(folder) + metrics + b"".join(reply.content for reply in odd)
    assert b" predict 200 " in everything  # the requests themselves were logged
    found = [trace for trace in traces(photograph) if trace in everything]
    assert found == []

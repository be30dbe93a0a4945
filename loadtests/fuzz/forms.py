"""Multipart bodies: valid ones, and ones with invalid boundaries, headers and numbers of parts."""

from __future__ import annotations

from random import Random
from typing import Final

from loadtests.fuzz import pictures

_NAMES: Final = (
    *("data", "photograph", "file", "", "a" * 300, "method", "target", "x\x00y", "é"),
    *("box", "receipt", "groups"),
)
_VALUES: Final = (
    b"",
    b"grad_cam",
    b"cancer",
    b"0.25,0.25,0.5,0.5",
    b"0,0,2,2",
    b"true",
    b"site=north",
)
_ODD_HEADERS: Final = (
    b"Content-Disposition: form-data",
    b"Content-Disposition",
    b"Content-Disposition: attachment; filename*=UTF-8''x",
    b"content-disposition: form-data; name=data; filename=x",
    b"Content-Transfer-Encoding: base64",
    b"X: " + b"y" * 9_000,
    b": empty",
    b"Content-Type: multipart/mixed; boundary=inner",
)


def form(random: Random, marker: bytes) -> tuple[bytes, str]:
    """Make a body and its content type; the marker is in the body.

    Args:
        random: chooses.
        marker: to put in.
    """
    boundary = random.choice((b"b", b"-" * 20 + b"x", b"B" * 70, b"a'b", b"0"))
    parts = [_file(random, marker)]
    for _ in range(random.choice((0, 0, 0, 1, 2, 20, 400))):
        parts.append(_field(random, marker))
    if random.random() < 0.1:
        parts.append(_file(random, marker))
    random.shuffle(parts)
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    body += b"--" + boundary + b"--\r\n"
    declared = boundary
    choice = random.random()
    if choice < 0.3:
        body = _damaged(body, random)
    elif choice < 0.4:
        declared = random.choice((b"", b"other", b"z" * 71, b'"', boundary + b"x", b"\xff"))
    if marker not in body:
        body += marker
    return body, "multipart/form-data; boundary=" + declared.decode("latin-1")


def _file(random: Random, marker: bytes) -> bytes:
    data, kind = pictures.damaged(random, marker)
    name = random.choice(_NAMES).encode("latin-1")
    head = b'Content-Disposition: form-data; name="%b"; filename="%b.jpg"' % (name, marker)
    if random.random() < 0.8:
        head += b"\r\nContent-Type: " + pictures.NAMES.get(kind, "text/plain").encode()
    return head + b"\r\n\r\n" + data


def _field(random: Random, marker: bytes) -> bytes:
    if random.random() < 0.2:
        return random.choice(_ODD_HEADERS) + b"\r\n\r\n" + marker
    name = random.choice(_NAMES).encode("latin-1")
    value = random.choice((marker, *_VALUES, random.randbytes(50)))
    return b'Content-Disposition: form-data; name="%b"\r\n\r\n' % name + value


def _damaged(body: bytes, random: Random) -> bytes:
    at = random.randrange(len(body))
    return random.choice(
        (
            body[:at],
            body[:at] + b"\r\n--b\r\n" + body[at:],
            body.replace(b"\r\n", b"\n"),
            body.replace(b"\r\n\r\n", b"\r\n", 1),
            body.rstrip()[:-2],
            body[:at] + random.randbytes(4) + body[at + 2 :],
            b"preamble" + body + b"epilogue",
        )
    )

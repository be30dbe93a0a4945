"""Test rejection of ambiguous HTTP framing over a socket."""

from __future__ import annotations

import logging

import pytest

from serving.front.framing import RequestFraming
from tests.serving.front.conftest import Serving, error, response

HOST = b"Host: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SECRET = b"SECRET"

REFUSED = {
    "both lengths": (CHUNKED.replace(b"Host", b"Content-Length: 3\r\nHost"), 400, "both"),
    "two lengths": (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400, "repeated"),
    "equal lengths": (POST + b"Content-Length: 3\r\ncontent-length: 3\r\n\r\n", 400, "repeated"),
    "a list of lengths": (POST + b"Content-Length: 3, 3\r\n\r\n", 400, "one decimal"),
    "a signed length": (POST + b"Content-Length: +3\r\n\r\n", 400, "one decimal"),
    "an octal length": (POST + b"Content-Length: 010\r\n\r\n", 400, "one decimal"),
    "a hexadecimal length": (POST + b"Content-Length: 0x3\r\n\r\n", 400, "one decimal"),
    "an empty length": (POST + b"Content-Length:\r\n\r\n", 400, "one decimal"),
    "a huge length": (POST + b"Content-Length: " + b"9" * 400 + b"\r\n\r\n", 400, "one decimal"),
    "gzip": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "chunked"),
    "identity": (POST + b"Transfer-Encoding: identity\r\n\r\n", 501, "chunked"),
    "quoted": (POST + b'Transfer-Encoding: "chunked"\r\n\r\n', 501, "chunked"),
    "chunked twice": (
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
        "repeated",
    ),
    "chunked in HTTP/1.0": (
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "HTTP/1.0",
    ),
    "two hosts": (b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400, "Host is repeated"),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400, "one Host"),
    "an empty host": (b"GET / HTTP/1.1\r\nHost: \r\n\r\n", 400, "one Host"),
    "a host with a path": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "one Host"),
    "a host and a user": (b"GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", 400, "one Host"),
    "a folded header": (POST + b"A: b\r\n c\r\n\r\n", 400, "folded"),
    "a header that begins folded": (b"GET / HTTP/1.1\r\n A: b\r\n\r\n", 400, "folded"),
    "bare LF": (b"GET / HTTP/1.1\nHost: x\n\n", 400, "CRLF"),
    "one bare LF": (b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400, "CRLF"),
    "a bare LF at the end": (b"GET / HTTP/1.1\r\nHost: x\r\n\n", 400, "CRLF"),
    "bare CR": (b"GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", 400, "CRLF"),
    "a CR before CRLF": (b"GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", 400, "CRLF"),
    "a blank line before": (b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "blank lines"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00", 400, "plain HTTP"),
    "an absolute target": (b"GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "not a proxy"),
    "an authority": (b"GET //y/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "not a proxy"),
    "CONNECT": (b"CONNECT y:443 HTTP/1.1\r\nHost: y\r\n\r\n", 400, "not a proxy"),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: y\r\n\r\n", 400, "not a proxy"),
    "a fragment": (b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "not a proxy"),
    "a backslash": (b"GET /a\\b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "not a proxy"),
    "two spaces": (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "single spaces"),
    "a tab": (b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "single spaces"),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400, "METHOD"),
    "small letters": (b"get / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "capitals"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/1.1"),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505, "HTTP/1.1"),
    "a target with an umlaut": ("GET /ä HTTP/1.1\r\nHost: x\r\n\r\n".encode(), 400, "METHOD"),
    "a space before the colon": (POST + b"Content-Length : 3\r\n\r\n", 400, "a header must be"),
    "no colon": (POST + b"SECRET\r\n\r\n", 400, "a header must be"),
    "an empty name": (POST + b": b\r\n\r\n", 400, "a header must be"),
    "an underscore": (POST + b"Content_Length: 3\r\n\r\n", 400, "a header must be"),
    "NUL in a name": (POST + b"A\0: b\r\n\r\n", 400, "a header must be"),
    "NUL in a value": (POST + b"A: b\0c\r\n\r\n", 400, "a header must be"),
    "too much": (POST + b"A: " + SECRET * 3_000 + b"\r\n\r\n", 431, "at most 16384 bytes"),
    "too much without an end": (POST + b"A: " + SECRET * 3_000, 431, "at most 16384 bytes"),
    "a chunk extension": (CHUNKED + b"3;SECRET=1\r\nabc\r\n0\r\n\r\n", 400, "extensions"),
    "a space after the size": (CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n", 400, "chunk size"),
    "a size of nothing": (CHUNKED + b"\r\n", 400, "chunk size"),
    "a huge size": (CHUNKED + b"123456789\r\n", 400, "chunk size"),
    "a signed size": (CHUNKED + b"-1\r\n", 400, "chunk size"),
    "a size with 0x": (CHUNKED + b"0x3\r\nabc\r\n", 400, "chunk size"),
    "LF after the size": (CHUNKED + b"3\nabc\r\n0\r\n\r\n", 400, "chunk size"),
    "a longer chunk": (CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", 400, "must end with CRLF"),
    "LF after a chunk": (CHUNKED + b"3\r\nabc\n0\r\n\r\n", 400, "must end with CRLF"),
    "a trailer": (CHUNKED + b"3\r\nabc\r\n0\r\nSECRET: b\r\n\r\n", 400, "trailers"),
    "LF at the end": (CHUNKED + b"3\r\nabc\r\n0\r\n\n", 400, "trailers"),
}  # fmt: skip


def test_rejects_bad_framing_without_quoting_or_logging_it(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    served = serving()
    caplog.clear()
    for name, (data, status, expected) in REFUSED.items():
        answer = served.send(data)

        assert answer.count(b"HTTP/1.1") <= 2, name
        assert error(answer)[0] == status, (name, answer)
        assert expected in error(answer)[1], (name, answer)
        assert SECRET not in answer
    assert served.application.requests == []
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize("pieces", [1, 2, 3, 7])
def test_framing_does_not_depend_on_packet_boundaries(pieces: int) -> None:
    for name, (data, status, _) in REFUSED.items():
        framing = RequestFraming(16_384, 100)
        for start in range(0, len(data), pieces):
            framing.feed(data[start : start + pieces])
        assert framing.error is not None, name
        assert framing.error.status == status, name


@pytest.mark.parametrize("pieces", [1, 2, 5, 1000])
def test_valid_requests_are_forwarded_with_new_chunks(pieces: int) -> None:
    data = (
        b"GET /a?b=%20c HTTP/1.1\r\nHost: x\r\n\r\n"
        b"POST / HTTP/1.1\r\nHost: [::1]:8\r\nContent-Length: 4\r\nA:\tb \xc3\xa4 \r\n\r\n\r\n\r\n"
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
        b"1\r\na\r\n0A\r\nbcdefghijk\r\n0\r\n\r\n"
        b"GET /last HTTP/1.0\r\n\r\n"
    )
    framing = RequestFraming(16_384, 100)
    passed = b"".join(
        framing.feed(data[start : start + pieces]) for start in range(0, len(data), pieces)
    )

    assert framing.error is None
    assert framing.between_requests
    if pieces == 1000:
        assert passed == data.replace(b"1\r\na\r\n0A\r\nbcdefghijk", b"b\r\nabcdefghijk")
    assert passed.startswith(data[: data.index(b"1\r\na")])
    assert passed.endswith(b"0\r\n\r\nGET /last HTTP/1.0\r\n\r\n")


def test_number_of_chunks_is_limited() -> None:
    framing = RequestFraming(16_384, 100)
    framing.feed(CHUNKED + b"1\r\na\r\n" * 100)
    assert framing.error is None

    framing.feed(b"1\r\na\r\n")

    assert framing.error is not None
    assert "at most 100" in framing.error.message


def test_pipelined_requests_are_served_in_order_and_upgrades_ignored(serving: Serving) -> None:
    served = serving()
    with served.connect() as client:
        for extra in (b"", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n", b""):
            client.sendall(POST + extra + b"Content-Length: 3\r\n\r\nabc")
            assert response(client).endswith(b"\r\n\r\n<abc>")
        client.sendall(CHUNKED + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
        assert response(client).endswith(b"\r\n\r\n<abc>")
    assert served.send(b"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nx").endswith(b"<x>")


def test_bytes_after_a_request_belong_to_the_next(serving: Serving) -> None:
    """Check request smuggling: a second request inside the body of the first."""
    served = serving()
    smuggled = b"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n"
    for first in (
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 34\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n\r\n",
    ):
        served.send(POST + first + smuggled)
    assert served.application.requests == []


def test_bad_pipelined_request_closes_the_connection_after_the_answer(
    serving: Serving,
) -> None:
    served = serving()

    answer = served.send(POST + b"Content-Length: 1\r\n\r\na" + b"NONSENSE\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"<a>")
    assert answer.count(b"HTTP/1.1") == 1

"""Test content types, options and forms."""

from __future__ import annotations

import logging

import httpx
import pytest

from serving.front.media import MAX_PARTS, kind_of, options_of, photograph_of
from serving.front.messages import RejectedError

MARKER = "MARKER-OF-A-CLIENT"


def form(*files: tuple[str, bytes], **fields: str) -> tuple[str, bytes]:
    """Content type and body of a form as httpx writes it."""
    sent = [(name, ("mole.jpg", content, "image/jpeg")) for name, content in files]
    request = httpx.Request("POST", "http://x", files=sent, data=fields)
    return request.headers["content-type"], request.read()


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/json", "json"),
        ("Application/JSON; charset=utf-8", "json"),
        ("image/jpeg", "file"),
        ("image/heic", "file"),
        ("application/octet-stream", "file"),
        ("multipart/form-data; boundary=x", "form"),
    ],
)
def test_accepts_listed_types(content_type: str, kind: str) -> None:
    assert kind_of({"content-type": [content_type]}) == kind


def test_missing_type_is_left_to_the_handler() -> None:
    assert kind_of({}) == ""


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/xml",
        f"image/{MARKER}!",
        "image/" + "x" * 100,
        "application/json2",
        "multipart/mixed; boundary=x",
    ],
)
def test_other_type_error_lists_the_accepted_types(content_type: str) -> None:
    with pytest.raises(RejectedError, match=r"send application/json, image/jpeg") as caught:
        kind_of({"content-type": [content_type]})
    assert caught.value.status == 415
    assert MARKER not in caught.value.message


def test_default_type_of_curl_is_explained() -> None:
    with pytest.raises(RejectedError, match=r"--header 'Content-Type: image/jpeg'"):
        kind_of({"content-type": ["application/x-www-form-urlencoded"]})


def test_rejects_two_content_types() -> None:
    with pytest.raises(RejectedError, match="more than once"):
        kind_of({"content-type": ["application/json", "image/png"]})


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
def test_rejects_compressed_body(encoding: str) -> None:
    with pytest.raises(RejectedError, match="compressed") as caught:
        kind_of({"content-type": ["image/png"], "content-encoding": [encoding]})
    assert caught.value.status == 415


def test_reads_options_from_their_headers_only() -> None:
    options = {"method": "lime", "target": "cancer", "box": "0.1,0.2,0.3,0.4", "receipt": "true"}
    options["groups"] = "site=north;skin_type=II"
    headers = {f"x-{name}": [value] for name, value in options.items()}
    assert options_of({**headers, "x-probe": ["true"], "explain": ["1"]}) == options
    with pytest.raises(RejectedError, match="at most 100"):
        options_of({"x-box": ["0" * 101]})


@pytest.mark.parametrize("values", [["lime", "lime"], ["x" * 41], ["n\xf6"], ["a\tb"]])
def test_rejects_option_that_is_not_a_name(values: list[str]) -> None:
    with pytest.raises(RejectedError) as caught:
        options_of({"x-method": values})
    assert caught.value.status == 400
    assert values[0] not in caught.value.message


@pytest.mark.parametrize("name", ["data", "file", "image", "photograph", "x y"])
def test_accepts_any_single_file_field(name: str) -> None:
    options = {"method": "lime", "box": "0,0,0.5,0.5", "receipt": "true", "groups": "site=north"}
    content_type, body = form((name, b"\xff\xd8 the file \r\n--x"), **options, other="y")
    assert photograph_of(content_type, body) == (b"\xff\xd8 the file \r\n--x", options)


@pytest.mark.parametrize("count", [0, 2, 3])
def test_rejects_form_without_exactly_one_file(count: int) -> None:
    content_type, body = form(*[("data", b"x")] * count, field=MARKER)
    if count == 0:
        content_type = "multipart/form-data; boundary=b"
        body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n'
    with pytest.raises(RejectedError, match=f"has {count} files; exactly one is accepted"):
        photograph_of(content_type, body)


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        ("multipart/form-data", b"x", "without a boundary"),
        ("multipart/form-data; boundary=" + "b" * 71, b"x", "without a boundary"),
        ("multipart/form-data; boundary=b", b"no form", "cannot be read"),
        ("multipart/form-data; boundary=b", b"", "cut off"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"; filename="x"\r\n\r\nabc',
            "cut off",
        ),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nX: " + b"y" * 10_000 + b"\r\n\r\nabc\r\n--b--\r\n",
            "cannot be read",
        ),
    ],
)
def test_rejects_malformed_form(content_type: str, body: bytes, message: str) -> None:
    with pytest.raises(RejectedError, match=message) as caught:
        photograph_of(content_type, body)
    assert caught.value.status == 400


def test_a_form_that_cannot_be_read_leaves_no_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    with pytest.raises(RejectedError):
        photograph_of("multipart/form-data; boundary=x", b"--x\r\nBad\xffheader: y\r\n\r\n")

    assert records == []


def test_number_of_parts_is_bounded() -> None:
    content_type, body = form(*[("data", b"x")] * (MAX_PARTS + 1))
    with pytest.raises(RejectedError, match=f"more than {MAX_PARTS} parts"):
        photograph_of(content_type, body)

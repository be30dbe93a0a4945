"""Requests that two parsers could read differently, and paths that resemble others."""

from __future__ import annotations

from typing import Final

from loadtests.attack.targets import EXPLAIN, PREDICT, V1_PREDICT, Outcome, Target
from loadtests.attack.wire import Connection, Response, exchange, request
from loadtests.hostile.files import body as instances

MARKER: Final = "ATTACK-QUOTED-91B7"
"""Marker in every request that must be rejected; no response may contain it."""
_HOST: Final = "Host: 127.0.0.1\r\n"
_POST: Final = f"POST {PREDICT} HTTP/1.1\r\n{_HOST}X-Marker: {MARKER}\r\n"
_CHUNKED: Final = "Transfer-Encoding: chunked\r\n"
_CHUNKS: Final = f"12\r\n{MARKER}\r\n0\r\n\r\n"
_BODY: Final = f"Content-Length: {len(MARKER)}\r\n\r\n{MARKER}"

BROKEN: Final[dict[str, str]] = {
    "length and chunks": f"{_POST}Content-Length: 4\r\n{_CHUNKED}\r\n{_CHUNKS}",
    "two lengths": f"{_POST}Content-Length: 4\r\n{_BODY}",
    "two equal lengths": f"{_POST}Content-Length: {len(MARKER)}\r\n{_BODY}",
    "a list of lengths": f"{_POST}Content-Length: 18, 18\r\n\r\n{MARKER}",
    "a signed length": f"{_POST}Content-Length: +18\r\n\r\n{MARKER}",
    "a hexadecimal length": f"{_POST}Content-Length: 0x12\r\n\r\n{MARKER}",
    "gzip as transfer": f"{_POST}Transfer-Encoding: gzip\r\n\r\n{_CHUNKS}",
    "gzip and chunked": f"{_POST}Transfer-Encoding: gzip, chunked\r\n\r\n{_CHUNKS}",
    "chunked twice": f"{_POST}{_CHUNKED}{_CHUNKED}\r\n{_CHUNKS}",
    "chunked, chunked": f"{_POST}Transfer-Encoding: chunked, chunked\r\n\r\n{_CHUNKS}",
    "chunked after a tab": f"{_POST}Transfer-Encoding:\x0bchunked\r\n\r\n{_CHUNKS}",
    "a bad chunk size": f"{_POST}{_CHUNKED}\r\nzz\r\n{MARKER}\r\n0\r\n\r\n",
    "a chunk extension": f"{_POST}{_CHUNKED}\r\n12;{MARKER}\r\n{MARKER}\r\n0\r\n\r\n",
    "a trailer": f"{_POST}{_CHUNKED}\r\n12\r\n{MARKER}\r\n0\r\nX-T: {MARKER}\r\n\r\n",
    "a folded header": f"{_POST}X-Folded: a\r\n {MARKER}\r\n{_BODY}",
    "bare LF": f"{_POST}X-Bare: a\n{_BODY}",
    "only LF": f"{_POST}{_BODY}".replace("\r\n", "\n"),
    "CR in a header": f"{_POST}X-Bare: a\r{MARKER}\r\n{_BODY}",
    "NUL in a header": f"{_POST}X-Bare: a\x00{MARKER}\r\n{_BODY}",
    "a space before the colon": f"{_POST}X-Space : {MARKER}\r\n{_BODY}",
    "a line without a colon": f"{_POST}{MARKER}\r\n{_BODY}",
    "two hosts": f"{_POST}Host: {MARKER}\r\n{_BODY}",
    "no host": f"POST {PREDICT} HTTP/1.1\r\nX-Marker: {MARKER}\r\n{_BODY}",
    "large headers": f"{_POST}X-Large: {MARKER * 5_000}\r\n{_BODY}",
    "thousands of headers": _POST + f"X-Many: {MARKER}\r\n" * 5_000 + _BODY,
    "a long target": f"POST {PREDICT}?{MARKER * 5_000} HTTP/1.1\r\n{_HOST}{_BODY}",
    "a compressed body": f"{_POST}Content-Encoding: gzip\r\n{_BODY}",
    "an unknown version": f"POST {PREDICT} HTTP/3.7\r\n{_HOST}X-Marker: {MARKER}\r\n{_BODY}",
    "a method in lower case": f"post {PREDICT} HTTP/1.1\r\n{_HOST}X-Marker: {MARKER}\r\n{_BODY}",
    "CONNECT": f"CONNECT {MARKER}:443 HTTP/1.1\r\n{_HOST}\r\n",
    "no HTTP at all": f"{MARKER}\r\n\r\n",
    "a TLS greeting": f"\x16\x03\x01\x02\x00\x01\x00{MARKER}\r\n\r\n",
}
"""Requests that must be rejected, by name of the fault."""

DISGUISED: Final = (
    "/v1/models/melanoma%3Apredict",
    "/v1/models/melanoma%3aexplain",
    "/v1/models/melanoma:predict/",
    "//v1/models/melanoma:explain",
    "/v1//models/melanoma:explain",
    "/v1/models/./melanoma:explain",
    "/v1/models/other/../melanoma:explain",
    "/predictions/melanoma/1.0",
    "/predictions/melanoma/../../explanations/melanoma",
    "/explanations/melanoma/",
    "/explanations%2Fmelanoma",
    "/EXPLANATIONS/melanoma",
    "/explanations/melanoma;x",
    "http://127.0.0.1/explanations/melanoma",
    "http://127.0.0.1/v1/models/melanoma:explain",
    "/v1/models/melanoma:predict:explain",
    "/v1/models/melanoma:explain#:predict",
    "/models",
    "/models?url=file:///tmp/x.mar",
    "/api-description",
)
"""Paths that resemble a path of the service: all must be rejected."""


def strict_http(target: Target) -> Outcome:
    """Send ambiguous requests: each must be rejected, without quoting it."""
    wrong = []
    for name, text in BROKEN.items():
        response = exchange(target.port, text.encode("latin-1"), seconds=15)
        refused = 400 <= response.status < 500 or response.status in (501, 505)
        if not refused or not response.closes or _quotes(response):
            quoted = ", input quoted" if _quotes(response) else ""
            wrong.append(f"{name} ({response.status}{quoted})")
    logged = MARKER.encode() in target.logged()
    detail = f"{len(BROKEN) - len(wrong)} refused" + (", marker in a log" if logged else "")
    return Outcome(
        "strict HTTP",
        f"{len(BROKEN)} ambiguous or broken requests",
        not wrong and not logged,
        f"{detail}; wrong: {', '.join(wrong)}" if wrong else detail,
    )


def no_hidden_explanations(target: Target) -> Outcome:
    """Send predict requests with hints of explain: a predict path must never explain."""
    photograph = target.photographs[0]
    json = "application/json"
    body = instances([photograph])
    headers = ("Explain: True", "explain: true", "X-Explain: True")
    tries = [request(V1_PREDICT, body, json, header) for header in headers]
    tries += [request(PREDICT, photograph, "image/jpeg", header) for header in headers]
    tries += [request(f"{V1_PREDICT}?explain=true&verb=explain", body, json)]
    tries += [request(f"{PREDICT}?explain=True", photograph)]
    tries += [request(V1_PREDICT, body, json, "X-Method: grad_cam", "X-Target: cancer")]
    answered = [exchange(target.port, data) for data in tries]
    disguised = [exchange(target.port, request(path, photograph)) for path in DISGUISED]
    explained = sum(b"heatmap" in response.body for response in [*answered, *disguised])
    unanswered = sum(response.status != 200 for response in answered)
    wrong = [
        f"{path} ({response.status})"
        for path, response in zip(DISGUISED, disguised, strict=True)
        if not 400 <= response.status < 500
    ]
    return Outcome(
        "routing",
        f"{len(tries)} headers and queries, {len(DISGUISED)} disguised paths",
        not explained and not unanswered and not wrong,
        f"{explained} explanations from other paths, {unanswered} predictions unanswered"
        + (f"; not refused: {', '.join(wrong)}" if wrong else ""),
    )


def _quotes(response: Response) -> bool:
    return MARKER.encode() in response.body + repr(response.headers).encode()


def pipelined(target: Target) -> Outcome:
    """Pipeline three requests: predictions, with a slow explanation between them."""
    first, second, third = target.photographs[:3]
    quick = [request(PREDICT, photograph) for photograph in (first, second, third)]
    slow = request(EXPLAIN, second, "image/jpeg", "X-Method: smooth_grad")
    alone = {data: _alone(target, data) for data in (slow, *quick)}
    wrong = [
        name
        for name, requests in (
            ("three predictions", quick),
            ("an explanation first", [slow, quick[0], quick[2]]),
            ("an explanation between", [quick[0], slow, quick[2]]),
        )
        if [alone[data] for data in requests] != _at_once(target, requests)
    ]
    return Outcome(
        "pipelining",
        "three requests at once on one connection, three times",
        not wrong,
        f"answers are not those of single requests: {', '.join(wrong)}"
        if wrong
        else "the answers of single requests, in order",
    )


def _alone(target: Target, data: bytes) -> tuple[int, bytes]:
    response = exchange(target.port, data)
    return response.status, response.body


def _at_once(target: Target, requests: list[bytes]) -> list[tuple[int, bytes]]:
    with Connection(target.port) as connection:
        connection.send(b"".join(requests))
        responses = [connection.receive() for _ in requests]
    return [(response.status, response.body) for response in responses]

"""Make a request from a seed and an index: route, method, headers, content type, body."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from loadtests.fuzz import documents, forms, pictures
from loadtests.fuzz.markers import marker

V1: Final = ("/v1/models/melanoma:predict", "/v1/models/melanoma:explain")
RAW: Final = ("/predictions/melanoma", "/explanations/melanoma")
READ: Final = ("/", "/ping", "/ready", "/v1/models", "/v1/models/melanoma")
OTHER: Final = (
    "/metrics",
    "/v1/models/other:predict",
    "/v1/models/melanoma:outcome",
    "/models",
    "/v2/health/ready",
    "/a/b",
    "/%00",
)
METHODS: Final = ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "BREW")
TYPES: Final = (
    *("application/json", "image/jpeg", "image/png", "image/webp", "application/octet-stream", ""),
    *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "image/*"),
    *("application/json; charset=utf-16", "APPLICATION/JSON", "application/x-ndjson", "a", ";;;"),
)
_HEADERS: Final = (
    *("Explain: True", "X-Target: cancer", "X-Target: benign", "X-Method: grad_cam", "Accept: a/b"),
    *(
        "X-Method: lime ",
        "Expect: 100-continue",
        "Expect: nothing",
        "Upgrade: h2c",
        "Range: bytes=0",
    ),
    *("Connection: keep-alive, Upgrade", "Cookie: a=b", "Content-Encoding: gzip", "X-Probe: true"),
    *("X-Forwarded-For: 1.2.3.4", "X-Http-Method-Override: DELETE", "Content-Language: \xe9"),
    *("X-Box: 0.25,0.25,0.5,0.5", "X-Box: 0.9,0.9,0.5,0.5", "X-Box: nan,0,1,1", "X-Box: \xe9"),
    *("X-Receipt: true", "X-Receipt: yes", "X-Groups: site=north", "X-Groups: =;="),
    *("X-Method: grad_cam\r\nX-Method: grad_cam", "Content-Type: image/png", "Origin: null"),
)
V2: Final = "/v2/models/melanoma/infer"
V2_READ: Final = (
    *("/v2", "/v2/models", "/v2/models/melanoma", "/v2/models/melanoma/ready", "/v2/health/live"),
    *("/v2/models/other/infer", "/v2/repository/models/melanoma/unload"),
)
V2_SHARE: Final = 0.4
"""Share of V2's requests, where the server speaks it."""
_SLOW: Final = frozenset({"X-Method: lime "})
"""Methods that are left out of explain requests because they are slow."""


@dataclass(frozen=True)
class FuzzRequest:
    """One request."""

    index: int
    route: str
    """Its path."""
    kind: str
    """Kind of body: ``picture``, ``json``, ``form``, ``bytes`` or ``none``; of V2, ``tensors`` or
    ``call``."""
    content_type: str
    """Declared content type, without parameters."""
    method: str
    """HTTP method, or the one of calls."""
    body: bytes
    """Body with the marker in it, unless it is empty."""
    data: bytes
    """The whole request as bytes; of a call, its message."""


def fuzz_request(seed: int, index: int, v2: bool = False) -> FuzzRequest:
    """Make the request of an index.

    Args:
        seed: of the run.
        index: within it.
        v2: whether the server speaks V2 too, over REST and gRPC.
    """
    random = Random(f"{seed}:{index}")  # noqa: S311
    text = marker(index)
    if v2 and random.random() < V2_SHARE:
        return _v2_request(index, random, text)
    if random.random() < 0.06:
        return _request(index, random, random.choice((*READ, *OTHER)), "none", b"", "")
    kind = random.choices(("picture", "json", "form", "bytes"), (45, 30, 15, 10))[0]
    if kind == "picture":
        body, declared = pictures.damaged(random, text)
        content_type = pictures.NAMES.get(declared, "application/octet-stream")
    elif kind == "json":
        body, content_type = documents.document(random, text), "application/json"
    elif kind == "form":
        body, content_type = forms.form(random, text)
    else:
        body = random.randbytes(random.choice((0, 1, 60, 3_000, 200_000))) + text
        content_type = random.choice(TYPES)
    if random.random() < 0.12:
        content_type = random.choice(TYPES)
    right = V1 if kind == "json" else RAW
    route = random.choices((*right, *V1, *RAW, *OTHER), (40, 12, 4, 4, 4, 4, *(1,) * len(OTHER)))[0]
    return _request(index, random, route, kind, body, content_type)


def _v2_request(index: int, random: Random, text: bytes) -> FuzzRequest:
    # Imported late: KServe takes seconds, and TorchServe's requests do without it.
    from loadtests.fuzz import calls, tensors

    choice = random.random()
    if choice < 0.05:
        return _request(index, random, random.choice(V2_READ), "none", b"", "")
    if choice < 0.3:
        message = calls.message(random, text)
        return FuzzRequest(index, calls.ROUTE, "call", "", calls.METHOD, message, message)
    body, length = tensors.tensors(random, text)
    content_type = "application/octet-stream" if length else "application/json"
    if random.random() < 0.1:
        content_type = random.choice(TYPES)
    headers = (f"Inference-Header-Content-Length: {length}",) if length else ()
    return _request(index, random, V2, "tensors", body, content_type, headers)


def _request(
    index: int,
    random: Random,
    route: str,
    kind: str,
    body: bytes,
    content_type: str,
    headers: tuple[str, ...] = (),
) -> FuzzRequest:
    method = "GET" if kind == "none" and random.random() < 0.7 else "POST"
    if random.random() < 0.04:
        method = random.choice(METHODS)
    query = random.choice(("", "", "", "", "", f"?{marker(index).decode()}", "?explain=true"))
    lines = [f"{method} {route}{query} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    explains = "expla" in route
    for _ in range(random.choice((0, 0, 0, 0, 1, 2, 5))):
        header = random.choice((*_HEADERS, f"X-Odd: {marker(index).decode()}"))
        if not (explains and header in _SLOW):
            lines.append(header)
    framed, payload = _framed(random, body)
    head = "\r\n".join([*lines, framed, "", ""]).encode("latin-1")
    media_type = content_type.partition(";")[0].strip().lower()
    return FuzzRequest(index, route, kind, media_type, method, body, head + payload)


def _framed(random: Random, body: bytes) -> tuple[str, bytes]:
    """Add headers for a body: mostly with its length, sometimes chunked."""
    if random.random() < 0.9 or not body:
        return f"Content-Length: {len(body)}", body
    step = random.choice((1, 1_000, 70_000)) if len(body) < 5_000 else 70_000
    pieces = [body[start : start + step] for start in range(0, len(body), step)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return "Transfer-Encoding: chunked", chunks + b"0\r\n\r\n"

"""Test each row of the table in docs/how-to/access.md against a front over HTTP."""

from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from serving.front.access.control import CHALLENGE, NEEDED, AccessControl
from serving.front.access.keys import KeyEntry, digest, new_key, written
from serving.front.access.settings import AccessSettings
from serving.front.settings import FrontSettings
from tests.serving.front.access import issuer
from tests.serving.front.access.issuer import Issuer, issuer_at_an_address, token
from tests.serving.front.conftest import until
from tests.serving.front.fronts import (
    EXPLAIN,
    JPEG,
    PREDICT,
    SECONDS,
    Served,
    log_line,
    log_lines,
    serving,
)

TODAY: date = datetime.now(UTC).date()
KEYS = {name: new_key() for name in ("ward", "reader", "expired", "revoked")}
WRONG = new_key()

Headers = Callable[[], list[tuple[str, str]]]


def bearer(credential: str) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {credential}")]


def ago(**passed: float) -> int:
    return int(time.time() - timedelta(**passed).total_seconds())


ROWS: dict[str, tuple[int, Headers]] = {
    "no credential": (401, lambda: []),
    "valid key in `Authorization: Bearer`": (200, lambda: bearer(KEYS["ward"])),
    "valid key in `X-API-Key`": (200, lambda: [("X-API-Key", KEYS["ward"])]),
    "unknown key": (401, lambda: bearer(WRONG)),
    "expired key": (401, lambda: bearer(KEYS["expired"])),
    "revoked key": (401, lambda: bearer(KEYS["revoked"])),
    "key that lacks the verb": (403, lambda: bearer(KEYS["reader"])),
    "the same key in two different headers": (
        401,
        lambda: [*bearer(KEYS["ward"]), ("X-API-Key", KEYS["ward"])],
    ),
    "the same header twice": (401, lambda: bearer(KEYS["ward"]) * 2),
    "key in the query string": (401, lambda: []),
    "key in a header and in the query string": (401, lambda: bearer(KEYS["ward"])),
    "key of 8 KB": (401, lambda: bearer(KEYS["ward"] + "x" * 8_192)),
    "key with upper and lower case swapped": (401, lambda: bearer(KEYS["ward"].swapcase())),
    "`bearer` in another case": (200, lambda: [("authorization", f"bEARER {KEYS['ward']}")]),
    "another scheme (`Basic`)": (401, lambda: [("Authorization", f"Basic {KEYS['ward']}")]),
    "valid token (ES256)": (200, lambda: bearer(token())),
    "valid token (RS256)": (200, lambda: bearer(token("rsa", issuer.rsa_key()))),
    "token that lacks the verb's scope": (403, lambda: bearer(token(scope="openid explain"))),
    "token with `alg: none`": (401, lambda: bearer(issuer.unsigned())),
    "token with HS256, signed with the issuer's public key": (
        401,
        lambda: bearer(issuer.signed_with_the_public_key()),
    ),
    "token signed with another key": (
        401,
        lambda: bearer(token("first", issuer.elliptic("stranger"))),
    ),
    "token of another issuer": (401, lambda: bearer(token(iss="https://other.example"))),
    "token for another audience": (401, lambda: bearer(token(aud="other"))),
    "expired token": (401, lambda: bearer(token(exp=ago(minutes=1)))),
    "token that expired within the leeway": (200, lambda: bearer(token(exp=ago(seconds=10)))),
    "token that is not valid yet (`nbf`)": (401, lambda: bearer(token(nbf=ago(minutes=-5)))),
    "token issued in the future (`iat`)": (401, lambda: bearer(token(iat=ago(minutes=-5)))),
    "token without an expiry (`exp`)": (401, lambda: bearer(token(exp=None))),
    "token without a name (`sub`)": (401, lambda: bearer(token(sub=None))),
    "token with an unknown `kid`": (401, lambda: bearer(token("later"))),
}
"""By the words of the page: the status of ``:predict`` and the headers that are sent."""
QUERIES = {
    "key in the query string": "api_key",
    "key in a header and in the query string": "Access_Token",
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("access") / "keys.json"
    yesterday = TODAY - timedelta(days=1)
    path.write_text(
        written(
            (
                KeyEntry("ward", digest(KEYS["ward"])),
                KeyEntry("reader", digest(KEYS["reader"]), ("explain",)),
                KeyEntry("expired", digest(KEYS["expired"]), expires=yesterday),
            )
        )
    )
    return path


@pytest.fixture(scope="module")
def at() -> Iterator[Issuer]:
    with issuer_at_an_address() as found:
        yield found


@pytest.fixture(scope="module")
def served(keys: Path, at: Issuer) -> Iterator[Served]:
    settings = AccessSettings(
        api_keys=str(keys),
        token_jwks=at.url,
        token_issuer=issuer.ISSUER,
        token_audience=issuer.AUDIENCE,
        failed_attempts=100_000,
    )
    with serving(FrontSettings(), AccessControl(settings)) as found:
        yield found


@pytest.mark.parametrize("row", ROWS)
def test_each_row_of_the_table_gets_its_status(
    row: str, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    _, upstream, client, _ = served
    status, headers = ROWS[row]
    before, sent = len(upstream.requests), headers()
    query = f"?{QUERIES[row]}={KEYS['ward']}" if row in QUERIES else ""
    with caplog.at_level(logging.DEBUG):
        reply = client.post(PREDICT + query, content=b"photograph", headers=[*JPEG.items(), *sent])
        line = log_line(caplog, reply)

    assert reply.status_code == status
    assert len(upstream.requests) - before == (status == 200)
    ours = " ".join(
        record.getMessage()
        for record in caplog.records
        if not record.name.startswith(("httpx", "httpcore"))
    )
    for secret in (*KEYS.values(), *(value for _, value in sent)):
        assert secret not in ours
        assert secret not in reply.text
    if status == 401:
        # Whatever was wrong.
        assert (reply.json(), reply.headers["www-authenticate"]) == ({"error": NEEDED}, CHALLENGE)
        assert " predict 401 " in line
    if status == 403:
        assert "not for :predict" in reply.json()["error"]
        assert reply.headers["www-authenticate"].endswith('error="insufficient_scope"')


def test_page_lists_exactly_these_rows(root: Path) -> None:
    page = (root / "docs/how-to/access.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (.+?) \| (\d{3}) \|", page, re.MULTILINE))

    assert rows == {row: str(status) for row, (status, _) in ROWS.items()} | {
        "token with a `kid` that the issuer has just published": "200",
    }


def test_key_of_one_verb_is_accepted_for_it(served: Served) -> None:
    _, _, client, _ = served

    reply = client.post(EXPLAIN, content=b"x", headers=[*JPEG.items(), *bearer(KEYS["reader"])])

    assert reply.status_code == 200


@pytest.mark.parametrize("path", ["/", "/ping", "/ready", "/v1/models", "/v1/models/melanoma"])
def test_health_routes_need_no_key(path: str, served: Served) -> None:
    assert served[2].get(path).status_code == 200


def test_rejects_before_reading_the_body(served: Served) -> None:
    _, upstream, client, _ = served
    before = len(upstream.requests)
    with socket.create_connection(("127.0.0.1", client.base_url.port or 0), SECONDS) as raw:
        raw.sendall(
            f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
            f"Expect: 100-continue\r\nContent-Length: 9000000\r\n\r\n".encode()
        )
        answer = b""
        while part := raw.recv(65_536):
            answer += part

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"100 Continue" not in answer
    assert b"connection: close" in answer.lower()
    assert len(upstream.requests) == before


def test_logs_and_counts_the_name_and_not_the_key(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    _, _, client, registry = served

    def counted(name: str) -> float:
        labels = {"name": name, "outcome": "answered"}
        metric = "lesionlens_http_requests_by_name_total"
        return registry.get_sample_value(metric, labels) or 0.0

    before = counted("ward"), counted("token:a_b_c")
    with caplog.at_level(logging.INFO):
        replies = [
            client.post(PREDICT, content=b"x", headers=[*JPEG.items(), *bearer(credential)])
            for credential in (KEYS["ward"], token(sub="a b|c"))
        ]
        lines = [log_line(caplog, reply) for reply in replies]

    assert [reply.status_code for reply in replies] == [200, 200]
    assert [line.split()[-2] for line in lines] == ["ward", "token:a_b_c"]
    assert (counted("ward"), counted("token:a_b_c")) == (before[0] + 1, before[1] + 1)


def test_cors_allows_key_headers(keys: Path) -> None:
    origin = "https://page.example"
    access = AccessControl(AccessSettings(api_keys=str(keys)))
    with serving(FrontSettings(cors_origins=(origin,)), access) as (_, _, client, _):
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,x-api-key",
        }
        reply = client.options(PREDICT, headers=asked)

    assert reply.status_code == 200
    allowed = reply.headers["access-control-allow-headers"].lower()
    assert {"authorization", "x-api-key"} <= set(re.split(r",\s*", allowed))


def test_failed_attempts_of_an_address_are_limited_but_valid_keys_are_accepted(
    keys: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = AccessSettings(api_keys=str(keys), failed_attempts=3)
    access = AccessControl(settings, clock=lambda: 0.0)  # however slow the machine is
    with (
        caplog.at_level(logging.INFO),
        serving(FrontSettings(), access) as (_, _, client, registry),
    ):

        def ask(key: str) -> httpx.Response:
            return client.post(PREDICT, content=b"x", headers=[*JPEG.items(), *bearer(key)])

        replies = [ask(WRONG) for _ in range(20)]
        statuses = [reply.status_code for reply in replies]
        limited = next(reply for reply in replies if reply.status_code == 429)
        assert ask(KEYS["ward"]).status_code == 200
        labels = {"route": "predict", "status": "429"}
        counter = "lesionlens_http_responses_total"
        until(lambda: registry.get_sample_value(counter, labels) == 17)

    assert statuses == [401] * 3 + [429] * 17
    assert limited.headers["retry-after"] == "20"
    assert "without a valid key" in limited.json()["error"]
    assert not any(" 429 " in line for line in log_lines(caplog))

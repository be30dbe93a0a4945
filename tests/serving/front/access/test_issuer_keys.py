"""Test rotated, unreachable and malformed issuer keys."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from serving.front.access.control import AccessControl
from serving.front.access.settings import AccessSettings
from serving.front.messages import RejectedError
from serving.front.settings import FrontSettings
from tests.serving.front.access import issuer
from tests.serving.front.access.issuer import Issuer, issuer_at_an_address, token
from tests.serving.front.conftest import until
from tests.serving.front.fronts import JPEG, PREDICT, serving


def bearer(credential: str) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {credential}")]


def test_new_kid_is_fetched_from_the_issuer() -> None:
    now = [0.0]
    with issuer_at_an_address() as at:
        settings = AccessSettings(
            token_jwks=at.url, token_issuer=issuer.ISSUER, token_audience=issuer.AUDIENCE
        )
        access = AccessControl(settings, clock=lambda: now[0])
        with serving(FrontSettings(), access) as (_, _, client, _):

            def ask(kid: str) -> int:
                headers = [*JPEG.items(), *bearer(token(kid))]
                return client.post(PREDICT, content=b"x", headers=headers).status_code

            assert [ask("first"), ask("next")] == [200, 401]
            asked = at.asked
            at.rotate("next")
            now[0] += 1
            assert ask("next") == 401  # the issuer was asked a moment ago
            assert at.asked == asked
            now[0] += 10
            assert [ask("next"), ask("first")] == [200, 401]


def test_unreachable_issuer_keeps_known_keys_until_stale_then_503() -> None:
    now, said = [0.0], list[str]()
    with issuer_at_an_address() as at:
        settings = AccessSettings(
            token_jwks=at.url,
            token_issuer=issuer.ISSUER,
            token_audience=issuer.AUDIENCE,
            token_stale_seconds=3_600,
        )
        access = AccessControl(settings, said.append, lambda: now[0])
        with serving(FrontSettings(), access) as (_, upstream, client, _):

            def ask() -> httpx.Response:
                headers = [*JPEG.items(), *bearer(token())]
                return client.post(PREDICT, content=b"x", headers=headers)

            assert ask().status_code == 200
            at.status = 500
            now[0] = 3_590
            assert ask().status_code == 200
            until(lambda: bool(said))
            now[0] = 3_601
            gone = ask()
            answered = len(upstream.requests)
            at.status = 200
            now[0] = 3_620
            assert ask().status_code == 200

    assert (gone.status_code, gone.headers["retry-after"]) == (503, "5")
    assert "their issuer does not answer" in json.loads(gone.content)["error"]
    assert answered == 2
    assert "known ones stay valid for 3600 s" in said[0]
    assert "can be fetched again" in said[-1]


def test_reloads_rotated_keys_from_a_file(tmp_path: Path) -> None:
    now, said, path = [0.0], list[str](), tmp_path / "jwks.json"
    keeper = Issuer()
    path.write_bytes(keeper.document())
    settings = AccessSettings(
        token_jwks=str(path), token_issuer=issuer.ISSUER, token_audience=issuer.AUDIENCE
    )
    access = AccessControl(settings, said.append, lambda: now[0])
    with serving(FrontSettings(), access) as (_, _, client, _):

        def ask(kid: str) -> int:
            headers = [*JPEG.items(), *bearer(token(kid))]
            return client.post(PREDICT, content=b"x", headers=headers).status_code

        assert [ask("first"), ask("next")] == [200, 401]
        keeper.rotate("next")
        path.write_bytes(keeper.document())
        now[0] = 1
        assert [ask("first"), ask("next")] == [401, 200]
        path.write_text("{}")
        now[0] = 2
        assert [ask("first"), ask("next")] == [401, 200]
    assert "stays in force" in said[0]


ODD_HEADERS = [
    b"[" * 2_900,
    b'{"alg": "ES256", "kid": ' + b"[" * 2_500,
    b'{"alg": "ES256", "kid": ["first"]}',
    b'{"alg": ["ES256"], "kid": "first"}',
    b'{"alg": {"a": 1}}',
    b'{"alg": null}',
    b'{"alg": "ES256", "kid": ""}',
    b'{"alg": "ES256", "kid": "first", "crit": ["exp"]}',
    b'{"alg": "ES256", "kid": "first", "b64": false}',
    b'{"alg": "RS256", "kid": "first"}',
    b'{"alg": "ES256", "kid": "rsa"}',
    b'{"alg": "es256", "kid": "first"}',
    b"null",
    b"7",
    b"\xff\xfe",
    b"",
]


@pytest.mark.parametrize("header", ODD_HEADERS, ids=range(len(ODD_HEADERS)))
def test_rejects_malformed_token(header: bytes, tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(Issuer().document())
    settings = AccessSettings(
        token_jwks=str(path), token_issuer=issuer.ISSUER, token_audience=issuer.AUDIENCE
    )
    access = AccessControl(settings)
    valid = token()
    for rest in (valid.partition(".")[2], "e30.", ".", "e30." + "A" * 86, "*.*"):
        start = base64.urlsafe_b64encode(header).rstrip(b"=").decode()
        scope = {"headers": [(b"authorization", f"Bearer {start}.{rest}".encode())]}
        with pytest.raises(RejectedError) as caught:
            asyncio.run(access.admit(scope, "predict"))
        assert caught.value.status == 401


def test_rejects_malformed_claims_with_valid_signature(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(Issuer().document())
    settings = AccessSettings(
        token_jwks=str(path), token_issuer=issuer.ISSUER, token_audience=issuer.AUDIENCE
    )
    access = AccessControl(settings)
    for changed, status in (
        ({"sub": 7}, 401),
        ({"sub": ""}, 401),
        ({"aud": [issuer.AUDIENCE, "other"]}, 200),
        ({"aud": {"a": 1}}, 401),
        ({"exp": "soon"}, 401),
        ({"exp": float("inf")}, 401),
        ({"nbf": []}, 401),
        ({"iss": [issuer.ISSUER]}, 401),
        ({"scope": 7}, 403),
        ({"scope": ["predict"]}, 200),
        ({"scope": None, "scp": "predict"}, 200),
        ({"scope": "PREDICT"}, 403),
        ({"scope": "predict:all"}, 403),
    ):
        sent = f"Bearer {_signed(issuer.claims(**changed))}"
        scope = {"headers": [(b"authorization", sent.encode())]}
        try:
            asyncio.run(access.admit(scope, "predict"))
            answered = 200
        except RejectedError as error:
            answered = error.status
        assert answered == status, changed


def _signed(claims: dict[str, Any]) -> str:
    """Sign contents that PyJWT would not put into a token."""
    return jwt.PyJWS().encode(
        json.dumps(claims).encode(), issuer.elliptic("first"), "ES256", headers={"kid": "first"}
    )

"""The issuer's keys: rotated, away, and broken."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from serving.front.access.control import AccessControl
from serving.front.access.settings import AccessSettings
from serving.front.settings import FrontSettings
from tests.serving.front.access import issuer
from tests.serving.front.access.issuer import Issuer, issuer_at_an_address, token
from tests.serving.front.conftest import until
from tests.serving.front.fronts import JPEG, PREDICT, serving


def bearer(credential: str) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {credential}")]


def test_an_unknown_kid_is_known_once_the_issuer_has_it() -> None:
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


def test_without_its_issuer_known_keys_go_on_for_a_time_and_nothing_is_open() -> None:
    now, said = [0.0], list[str]()
    with issuer_at_an_address() as at:
        settings = AccessSettings(
            token_jwks=at.url,
            token_issuer=issuer.ISSUER,
            token_audience=issuer.AUDIENCE,
            token_stale_seconds=3_600,
        )
        access = AccessControl(settings, said.append, lambda: now[0])
        with serving(FrontSettings(), access) as (_, backend, client, _):

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
            answered = len(backend.requests)
            at.status = 200
            now[0] = 3_620
            assert ask().status_code == 200

    assert (gone.status_code, gone.headers["retry-after"]) == (503, "5")
    assert "their issuer does not answer" in json.loads(gone.content)["error"]
    assert answered == 2
    assert "known ones go on for 3600 s" in said[0]
    assert "can be had again" in said[-1]


def test_keys_in_a_file_are_rotated_without_a_restart(tmp_path: Path) -> None:
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

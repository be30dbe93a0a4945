"""Test the settings of access control and the warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.front.access.control import AccessControl
from serving.front.access.settings import AccessSettings
from serving.front.sockets import exposed

TOKENS = {
    "LESIONLENS_TOKEN_JWKS": "https://issuer.example/jwks",
    "LESIONLENS_TOKEN_ISSUER": "https://issuer.example",
    "LESIONLENS_TOKEN_AUDIENCE": "lesionlens",
}


def test_no_access_control_by_default() -> None:
    settings = AccessSettings.from_environment({"LESIONLENS_API_KEYS": " "})

    assert settings == AccessSettings()
    assert not settings.locked


@pytest.mark.parametrize("given", [{"LESIONLENS_API_KEYS": "keys.json"}, TOKENS])
def test_keys_or_tokens_enable_access_control(given: dict[str, str]) -> None:
    assert AccessSettings.from_environment(given).locked


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({**TOKENS, "LESIONLENS_TOKEN_ALGORITHMS": "RS256,HS256"}, "has HS256"),
        ({**TOKENS, "LESIONLENS_TOKEN_ALGORITHMS": "none"}, "has none"),
        ({"LESIONLENS_TOKEN_JWKS": "https://issuer.example"}, "set together"),
        ({**TOKENS, "LESIONLENS_TOKEN_AUDIENCE": ""}, "set together"),
        ({"LESIONLENS_TLS_CERTIFICATE": "a.pem"}, "LESIONLENS_TLS_KEY"),
        ({"LESIONLENS_REDIRECT_PORT": "8000"}, "needs LESIONLENS_TLS_CERTIFICATE"),
        ({"LESIONLENS_RATE_REQUESTS": "-1"}, "zero or more"),
        ({"LESIONLENS_RATE_REQUESTS": "many"}, "not a number"),
        ({"LESIONLENS_FAILED_ATTEMPTS": "0"}, "above zero"),
    ],
)
def test_names_invalid_setting(given: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        AccessSettings.from_environment(given)
    assert "LESIONLENS_" in str(caught.value)


@pytest.mark.parametrize(
    ("jwks", "message"),
    [
        ("http://issuer.example/jwks", "an address with https"),
        ("ftp://127.0.0.1/jwks", "an address with https"),
        ("{path}", "no public key that signs"),
        ("nowhere.json", "cannot be read"),
    ],
)
def test_rejects_unusable_issuer_keys(jwks: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text('{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}]}')
    settings = AccessSettings(
        token_jwks=jwks.replace("{path}", str(path)), token_issuer="i", token_audience="a"
    )

    with pytest.raises(ValueError, match=message) as caught:
        AccessControl(settings)
    assert "LESIONLENS_TOKEN_JWKS" in str(caught.value)


@pytest.mark.parametrize(
    ("host", "tls", "locked", "words"),
    [
        ("127.0.0.1", False, False, []),
        ("::1", False, False, []),
        ("localhost", False, False, []),
        ("0.0.0.0", True, True, []),
        ("0.0.0.0", False, True, ["clear text"]),
        ("::", True, False, ["anyone who reaches it", "LESIONLENS_API_KEYS"]),
        ("ward-pc.example", False, False, ["clear text", "anyone who reaches it"]),
    ],
)
def test_warns_about_unprotected_server_in_one_line(
    host: str, tls: bool, locked: bool, words: list[str]
) -> None:
    line = exposed(host, tls, locked, "LESIONLENS_API_KEYS")

    assert bool(line) == bool(words)
    assert "\n" not in line
    for word in ("clear text", "anyone who reaches it"):
        assert (word in line) == (word in words)

"""The key that clients of ours send, and the servers that they start for themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.open_loop import request
from loadtests.settings import key_headers
from serving.front.client_key import authorization
from serving.local import unlocked

LOCK = {
    "LESIONLENS_API_KEYS": "keys.json",
    "LESIONLENS_TOKEN_JWKS": "jwks.json",
    "LESIONLENS_TLS_CERTIFICATE": "certificate.pem",
    "LESIONLENS_RATE_REQUESTS": "1",
}
REST = {"LESIONLENS_HOST": "127.0.0.1", "PATH": "/usr/bin"}


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "load.key"
    path.write_text("lesionlens_abc\n")
    monkeypatch.setenv("LESIONLENS_KEY_FILE", str(path))
    key_headers.cache_clear()
    return path


@pytest.fixture(autouse=True)
def _forget() -> None:
    key_headers.cache_clear()


def test_no_file_no_key() -> None:
    assert authorization({"LESIONLENS_KEY_FILE": " "}) == {}
    assert b"Authorization" not in request("/x", b"{}")


def test_a_load_test_sends_the_key_of_the_file(key_file: Path) -> None:
    assert key_headers() == {"Authorization": "Bearer lesionlens_abc"}
    assert b"\r\nAuthorization: Bearer lesionlens_abc\r\n" in request("/x", b"{}")


@pytest.mark.parametrize("text", ["", "a b", "two\nlines", "x" * 5_000])
def test_a_file_that_holds_no_key_is_named(text: str, key_file: Path) -> None:
    key_file.write_text(text)
    with pytest.raises(ValueError, match="LESIONLENS_KEY_FILE") as caught:
        key_headers()
    assert text == "" or text not in str(caught.value)


def test_a_server_of_a_tests_own_has_no_lock() -> None:
    assert unlocked({**LOCK, **REST}, keyed=False) == REST
    assert unlocked({**LOCK, **REST}, keyed=True) == REST


def test_unless_whoever_starts_it_has_a_key() -> None:
    given = {**LOCK, **REST, "LESIONLENS_KEY_FILE": "load.key"}
    kept = {name: LOCK[name] for name in ("LESIONLENS_API_KEYS", "LESIONLENS_TOKEN_JWKS")}

    assert unlocked(given, keyed=True) == {**REST, "LESIONLENS_KEY_FILE": "load.key", **kept}
    assert unlocked(given, keyed=False) == {**REST, "LESIONLENS_KEY_FILE": "load.key"}

"""Test the key of our clients and of the servers that they start."""

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


def test_no_key_without_a_file() -> None:
    assert authorization({"LESIONLENS_KEY_FILE": " "}) == {}
    assert b"Authorization" not in request("/x", b"{}")


def test_load_test_sends_the_key_of_the_file(key_file: Path) -> None:
    assert key_headers() == {"Authorization": "Bearer lesionlens_abc"}
    assert b"\r\nAuthorization: Bearer lesionlens_abc\r\n" in request("/x", b"{}")


@pytest.mark.parametrize("text", ["", "a b", "two\nlines", "x" * 5_000])
def test_names_key_file_without_key(text: str, key_file: Path) -> None:
    key_file.write_text(text)
    with pytest.raises(ValueError, match="LESIONLENS_KEY_FILE") as caught:
        key_headers()
    assert text == "" or text not in str(caught.value)


def test_servers_started_by_tests_have_no_access_control() -> None:
    assert unlocked({**LOCK, **REST}, keyed=False) == REST
    assert unlocked({**LOCK, **REST}, keyed=True) == REST


def test_servers_started_with_a_key_have_access_control() -> None:
    given = {**LOCK, **REST, "LESIONLENS_KEY_FILE": "load.key"}
    kept = {name: LOCK[name] for name in ("LESIONLENS_API_KEYS", "LESIONLENS_TOKEN_JWKS")}

    assert unlocked(given, keyed=True) == {**REST, "LESIONLENS_KEY_FILE": "load.key", **kept}
    assert unlocked(given, keyed=False) == {**REST, "LESIONLENS_KEY_FILE": "load.key"}

"""Test API keys: the file, `make key`, and reloading."""

from __future__ import annotations

import asyncio
import json
import stat
from datetime import date
from pathlib import Path

import pytest
from starlette.types import Scope

from serving.front.access import keys
from serving.front.access.__main__ import main
from serving.front.access.control import AccessControl
from serving.front.access.settings import AccessSettings
from serving.front.messages import RejectedError
from serving.front.watched_file import MAX_BYTES

DAY = date(2027, 1, 31)


def scope(key: str) -> Scope:
    return {"headers": [(b"x-api-key", key.encode())], "client": ("127.0.0.1", 1)}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "access" / "keys.json"
    monkeypatch.setenv("LESIONLENS_API_KEYS", str(found))
    return found


def make(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Create a key with the command and return it."""
    assert main(["--name", *arguments]) == 0
    out, err = capsys.readouterr()
    assert out.strip() not in err
    return out.removesuffix("\n")


def test_key_is_shown_once_and_only_its_digest_is_stored(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = make(capsys, "ward-3", "--verbs", "predict", "--expires", "2027-01-31")

    assert key.startswith("lesionlens_")
    assert len(key) >= len("lesionlens_") + 256 / 6
    assert key not in path.read_text()
    (entry,) = keys.parse(path.read_bytes())
    assert entry == keys.KeyEntry("ward-3", keys.digest(key), ("predict",), DAY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o002 == 0


def test_two_keys_of_a_name_are_revoked_by_id(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = make(capsys, "ward-3"), make(capsys, "ward-3")
    make(capsys, "page")

    assert main(["--revoke", keys.digest(first)[:8]]) == 0
    kept = keys.parse(path.read_bytes())
    assert [entry.name for entry in kept] == ["ward-3", "page"]
    assert kept[0].sha256 == keys.digest(second)
    capsys.readouterr()
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert f"ward-3  id {keys.digest(second)[:8]}, for predict, explain, outcome, " in listed
    assert main(["--revoke", "ward-3"]) == 0
    assert [entry.name for entry in keys.parse(path.read_bytes())] == ["page"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--name", "Ward 3"], "a name has"),
        (["--name", "other"], "is none of"),
        (
            ["--name", "ward", "--verbs", "train"],
            "verbs are one or more of: predict, explain, outcome",
        ),
        (["--name", "ward", "--expires", "tomorrow"], "tomorrow"),
        (["--name", "ward", "--revoke", "page"], "one of the two"),
        (["--revoke", "nobody"], "no key of that name or id"),
    ],
)
def test_invalid_command_is_an_error_and_changes_nothing(
    arguments: list[str], message: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert not path.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "not JSON"),
        (b"[]", 'no list "keys"'),
        (b'{"keys": [{"name": "a"}]}', "entry 0 must have name and sha256"),
        (b'{"keys": [{"name": "a", "sha256": "SECRET"}]}', "64 hexadecimal digits"),
        (b'{"keys": [{"name": "A", "sha256": "%b"}]}' % (b"0" * 64), "a name has"),
        (b'{"keys": [{"name": "a", "sha256": "%b", "verb": 1}]}' % (b"0" * 64), "may have verbs"),
        (b'{"keys": [{"name": "a", "sha256": "%b", "expires": "x"}]}' % (b"0" * 64), "a date as"),
        (b'{"keys": [{"name": "a", "sha256": "%b", "verbs": []}]}' % (b"0" * 64), "verbs are one"),
        (b"x" * (MAX_BYTES + 1), "more than"),
    ],
)
def test_invalid_key_file_prevents_start_and_is_not_quoted(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(content)

    with pytest.raises(ValueError, match="LESIONLENS_API_KEYS") as caught:
        AccessControl(AccessSettings(api_keys=str(path)))
    assert message in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_missing_key_file_prevents_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        AccessControl(AccessSettings(api_keys=str(tmp_path / "keys.json")))


def admitted(access: AccessControl, key: str) -> str | int:
    """Name of the caller, or status of the rejection."""
    try:
        return asyncio.run(access.admit(scope(key), "predict")).name
    except RejectedError as error:
        return error.status


def test_reloads_changes_within_a_second_and_ignores_broken_file(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now, said = [0.0], list[str]()
    first = make(capsys, "ward")
    access = AccessControl(AccessSettings(api_keys=str(path)), said.append, lambda: now[0])
    assert admitted(access, first) == "ward"

    second = make(capsys, "night")
    now[0] = 1
    assert [admitted(access, key) for key in (first, second)] == ["ward", "night"]

    main(["--revoke", "ward"])
    now[0] = 2
    assert [admitted(access, key) for key in (first, second)] == [401, "night"]
    assert said == []

    valid = path.read_bytes()
    path.write_text("{")
    for now[0] in (3, 4):
        assert [admitted(access, key) for key in (first, second)] == [401, "night"]
    path.unlink()
    now[0] = 5
    assert admitted(access, second) == "night"
    path.write_bytes(valid)
    now[0] = 6
    assert admitted(access, second) == "night"
    assert len(said) == 3  # once each: broken, gone, well again
    assert "stays in force" in said[0]
    assert "cannot be read" in said[1]
    assert "is in force" in said[2]


def test_key_is_valid_until_the_end_of_its_last_day(tmp_path: Path) -> None:
    key, path = keys.new_key(), tmp_path / "keys.json"
    path.write_text(keys.written([keys.KeyEntry("ward", keys.digest(key), expires=DAY)]))
    today = [DAY]
    access = AccessControl(AccessSettings(api_keys=str(path)), today=lambda: today[0])

    assert admitted(access, key) == "ward"
    today[0] = date(2027, 2, 1)
    assert admitted(access, key) == 401


def test_written_key_file_can_be_read() -> None:
    entries = (
        keys.KeyEntry("a", "0" * 64),
        keys.KeyEntry("b", "f" * 64, ("explain",), DAY),
    )

    assert keys.parse(keys.written(entries).encode()) == entries
    assert "expires" not in json.loads(keys.written(entries))["keys"][0]

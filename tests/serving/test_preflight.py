"""Test that an error before the start is one line that names the setting to change."""

from __future__ import annotations

import socket
import zipfile
from pathlib import Path
from typing import Any

import pytest

from serving.preflight import PreflightError, check
from serving.settings import ServingSettings, free_ports


@pytest.fixture
def settings(tmp_path: Path) -> ServingSettings:
    with zipfile.ZipFile(tmp_path / "melanoma.mar", "w"):
        pass
    return ServingSettings(archive=tmp_path, logs=tmp_path / "logs", **free_ports())  # type: ignore[arg-type]


def refusal(settings: ServingSettings, **changes: Any) -> str:
    with pytest.raises(PreflightError) as caught:
        check(settings.model_copy(update=changes))
    return str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "::", "0.0.0.0"])
def test_accepts_every_address_of_this_machine(settings: ServingSettings, host: str) -> None:
    check(settings.model_copy(update={"host": host}))


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_names_occupied_port(settings: ServingSettings, host: str, shown: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as other:
        other.bind((host, 0))
        other.listen()
        port = other.getsockname()[1]

        assert refusal(settings, host=host, inference_port=port) == (
            f"cannot listen on {shown}:{port} (Address already in use): stop what uses it, or set "
            "LESIONLENS_INFERENCE_PORT to another port"
        )


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "nobody.invalid"])
def test_rejects_address_of_another_machine(settings: ServingSettings, host: str) -> None:
    why = refusal(settings, host=host)

    assert why.endswith("this machine has no such address: set LESIONLENS_HOST")
    assert "in use" not in why


def test_rejects_unwritable_log_folder(settings: ServingSettings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    assert refusal(settings, logs=tmp_path / "file" / "logs") == (
        f"cannot write to {tmp_path / 'file' / 'logs'} (Not a directory): set LESIONLENS_LOGS to "
        "another folder"
    )


def test_rejects_missing_or_invalid_archive(settings: ServingSettings, tmp_path: Path) -> None:
    (tmp_path / "melanoma.mar").write_bytes(b"not a zip file")
    assert "is not a model archive" in refusal(settings)
    (tmp_path / "melanoma.mar").unlink()
    assert refusal(settings).endswith("is missing: build it with `make archive`")

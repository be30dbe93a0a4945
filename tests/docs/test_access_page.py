"""Test the four lines of the access page that secure a server, in a separate folder."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from serving.front.access.control import AccessControl
from serving.front.access.settings import AccessSettings
from serving.front.settings import FrontSettings
from serving.front.sockets import exposed
from serving.front.tls import tls_files
from tests.e2e.environment import without_settings
from tests.serving.front.fronts import JPEG, PREDICT, serving


@pytest.fixture
def lines(root: Path) -> list[str]:
    page = (root / "docs/how-to/access.md").read_text(encoding="utf-8")
    block = re.search(r"```bash\n(.*?)```", page, re.DOTALL)
    assert block is not None
    return block[1].strip().splitlines()


def test_four_lines_start_a_server_with_key_and_tls(
    lines: list[str], root: Path, tmp_path: Path
) -> None:
    assert len(lines) == 4
    certificate, key, export, serve = lines
    for name in ("Makefile", "requirements.txt"):
        (tmp_path / name).symlink_to(root / name)
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(root / ".venv/bin/python")
    (venv / "installed").touch()  # so that make installs nothing
    environment = {**without_settings(os.environ), "PYTHONPATH": str(root)}

    def run(line: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(certificate)
    printed = run(f"{key}".replace("make key", "make -s key", 1)).strip()
    given = dict(word.split("=", 1) for word in shlex.split(export)[1:])
    variables = {name: str(tmp_path / value) for name, value in given.items()}
    access = AccessSettings.from_environment(variables)
    assert shlex.split(serve)[0] == "LESIONLENS_HOST=0.0.0.0"
    assert exposed("0.0.0.0", bool(access.tls_certificate), access.locked, "") == ""
    tls = tls_files(access, print)
    trust = ssl.create_default_context(cafile=access.tls_certificate)
    with serving(FrontSettings(), AccessControl(access), tls) as (_, _, client, _):
        url = f"https://localhost:{client.base_url.port}{PREDICT}"

        async def ask(headers: dict[str, str]) -> int:
            async with httpx.AsyncClient(verify=trust) as asking:
                return (await asking.post(url, content=b"x", headers=JPEG | headers)).status_code

        assert asyncio.run(ask({})) == 401
        assert asyncio.run(ask({"Authorization": f"Bearer {printed}"})) == 200

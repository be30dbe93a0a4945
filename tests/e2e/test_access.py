"""Test `make serve` with keys and TLS, as in docs/how-to/access.md."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx

from serving.front.access.certificate import make
from serving.front.access.keys import KeyEntry, digest, new_key, written
from serving.settings import free_ports
from tests.e2e.conftest import Trained
from tests.e2e.environment import ROOT, without_settings
from tests.e2e.requests_of import EXPLAIN, RAW_PREDICT
from tests.e2e.served import serve, until_ready

SECONDS = 5.0
"""In which a revoked key must have stopped working."""


def test_server_with_keys_and_tls_answers_valid_keys(
    trained: Trained, tmp_path: Path, photographs: list[bytes]
) -> None:
    certificate, private = make(["localhost", "127.0.0.1"], tmp_path)
    key, other = new_key(), new_key()
    keys, logs = tmp_path / "keys.json", tmp_path / "logs"
    entries = (KeyEntry("ward-3", digest(key)), KeyEntry("reader", digest(other), ("predict",)))
    keys.write_text(written(entries))
    ports = free_ports() | {"redirect_port": free_ports()["inference_port"]}
    process = serve(
        trained,
        logs,
        ports,
        LESIONLENS_WORKERS="1",
        LESIONLENS_HOST="0.0.0.0",
        LESIONLENS_API_KEYS=str(keys),
        LESIONLENS_TLS_CERTIFICATE=str(certificate),
        LESIONLENS_TLS_KEY=str(private),
    )
    trust = ssl.create_default_context(cafile=str(certificate))
    base = f"https://127.0.0.1:{ports['inference_port']}"
    try:
        said = "\n".join(until_ready(process))
        assert f"https://0.0.0.0:{ports['inference_port']}{EXPLAIN}" in said
        assert "WARNING" not in said
        with httpx.Client(base_url=base, verify=trust, timeout=60, trust_env=False) as client:

            def ask(path: str, credential: str = "") -> httpx.Response:
                headers = {"X-API-Key": credential} if credential else {}
                return client.post(path, content=photographs[0], headers=headers)

            assert ask(RAW_PREDICT).status_code == 401
            assert ask(RAW_PREDICT, key).json()["label"] in ("cancer", "no cancer")
            assert ask("/explanations/melanoma", other).status_code == 403
            assert client.get("/ready").status_code == 200
            keys.write_text(written(entries[1:]))
            end = time.monotonic() + SECONDS
            while ask(RAW_PREDICT, key).status_code == 200:
                assert time.monotonic() < end, "the key was revoked"
            assert ask(RAW_PREDICT, other).status_code == 200
        metrics = httpx.get(f"http://127.0.0.1:{ports['metrics_port']}/metrics", trust_env=False)
        line = 'lesionlens_http_requests_by_name_total{name="reader",outcome="answered"} 1.0'
        assert line in metrics.text
        moved = httpx.get(f"http://127.0.0.1:{ports['redirect_port']}/ready", trust_env=False)
        assert (moved.status_code, moved.headers["location"]) == (308, f"{base}/ready")
    finally:
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    written_down = said + rest + "".join(path.read_text() for path in logs.iterdir())
    assert " ward-3 " in (logs / "access.log").read_text()
    assert key not in written_down
    assert other not in written_down


def test_missing_key_file_prevents_start(trained: Trained, tmp_path: Path) -> None:
    ports = free_ports()
    variables = {
        **{f"LESIONLENS_{name.upper()}": str(port) for name, port in ports.items()},
        "LESIONLENS_ARCHIVE": str(trained.store),
        "LESIONLENS_LOGS": str(tmp_path / "logs"),
        "LESIONLENS_HOST": "0.0.0.0",
        "LESIONLENS_API_KEYS": str(tmp_path / "missing.json"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "serving"],
        cwd=ROOT,
        env=without_settings(os.environ) | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert "LESIONLENS_API_KEYS" in done.stderr
    assert "cannot be read" in done.stderr
    # And the warning about it.
    assert "WARNING: others can reach 0.0.0.0, and photographs travel in clear text" in done.stdout

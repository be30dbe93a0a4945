"""Test TLS of the front: versions, ciphers, certificate changes and the redirect."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from serving.front.access.certificate import main
from serving.front.connections import ConnectionLimits
from serving.front.listener import Listener
from serving.front.settings import FrontSettings
from serving.front.side_apps import redirect_app
from serving.front.sockets import listen
from serving.front.tls import TlsFiles
from tests.conftest import program
from tests.serving.front.certificates import install, pair
from tests.serving.front.conftest import PATIENT, SECONDS, Application, Serving, rest, until
from tests.serving.front.fronts import JPEG, PREDICT, Scripted, serving


@dataclass
class Secured:
    """A front with TLS."""

    folder: Path
    tls: TlsFiles
    upstream: Scripted
    client: httpx.Client
    said: list[str]

    @property
    def port(self) -> int:
        return self.client.base_url.port or 0

    def name(self) -> str:
        """Name in the certificate of a new connection."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", self.port), SECONDS) as raw,
            context.wrap_socket(raw) as connection,
        ):
            shown = connection.getpeercert(binary_form=True)
        assert shown is not None
        names = x509.load_der_x509_certificate(shown).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        return names.value.get_values_for_type(x509.DNSName)[0]


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    said: list[str] = []
    tls = TlsFiles(*install(pair(tmp_path, "first"), tmp_path), said.append)
    with serving(FrontSettings(), tls=tls) as (_, upstream, client, _):
        yield Secured(tmp_path, tls, upstream, client, said)


def test_changed_certificate_is_used_without_breaking_requests_in_flight(
    secured: Secured,
) -> None:
    assert secured.name() == "first"
    secured.upstream.release.clear()
    answers: list[int] = []

    def ask() -> None:
        answers.append(secured.client.post(PREDICT, content=b"x", headers=JPEG).status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    assert secured.upstream.entered.acquire(timeout=SECONDS)

    install(pair(secured.folder, "second"), secured.folder)
    until(lambda: secured.name() == "second")
    secured.upstream.release.set()
    thread.join(SECONDS)

    assert answers == [200]
    # And the connection from before goes on.
    assert secured.client.post(PREDICT, content=b"x", headers=JPEG).status_code == 200
    assert secured.said == ["the new TLS certificate is in use"]


@pytest.mark.parametrize("broken", ["key.pem", "certificate.pem"])
def test_invalid_certificate_is_reported_once_and_not_used(secured: Secured, broken: str) -> None:
    (secured.folder / "new").write_text("no PEM")
    (secured.folder / "new").replace(secured.folder / broken)
    until(lambda: bool(secured.said))
    secured.tls.refresh()
    assert len(secured.said) == 1
    assert "stays in use" in secured.said[0]
    assert "no PEM" not in secured.said[0]
    assert secured.name() == "first"

    install(pair(secured.folder, "second"), secured.folder)
    until(lambda: secured.name() == "second")


def test_certificate_without_matching_key_is_not_used(secured: Secured) -> None:
    (secured.folder / "key.pem").write_bytes(pair(secured.folder, "second")[1].read_bytes())
    until(lambda: bool(secured.said))

    assert secured.name() == "first"


def test_accepts_tls_1_2_and_1_3_only(secured: Secured) -> None:
    openssl = program("openssl", "openssl")

    def accepted(*options: str) -> bool:
        command = [openssl, "s_client", "-connect", f"127.0.0.1:{secured.port}", *options]
        ended = subprocess.run(
            command, input=b"", capture_output=True, timeout=SECONDS, check=False
        )
        assert b"CONNECTED" in ended.stdout, ended.stderr
        return ended.returncode == 0

    # At level 0 OpenSSL itself would speak it.
    assert not accepted("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert not accepted("-tls1_2", "-cipher", "AES128-SHA:AES256-GCM-SHA384:@SECLEVEL=0")
    assert accepted("-tls1_2")
    assert accepted("-tls1_3")


def test_every_cipher_has_forward_secrecy(secured: Secured) -> None:
    ciphers = secured.tls.context.get_ciphers()

    assert {cipher["protocol"] for cipher in ciphers} == {"TLSv1.2", "TLSv1.3"}
    for cipher in ciphers:
        assert cipher["aead"]
        assert cipher["kea"] in ("kx-ecdhe", "kx-any")


def test_missing_handshake_times_out(tmp_path: Path) -> None:
    tls = TlsFiles(*install(pair(tmp_path), tmp_path), print)
    limits = ConnectionLimits(header_seconds=0.3)
    with (
        serving(FrontSettings(), tls=tls, limits=limits) as (_, _, client, _),
        socket.create_connection(("127.0.0.1", client.base_url.port or 0), SECONDS) as silent,
    ):
        assert silent.recv(1) == b""


def test_waiting_clients_are_answered_over_tls_during_shutdown(tmp_path: Path) -> None:
    tls = TlsFiles(*install(pair(tmp_path), tmp_path), print)
    (opened,) = listen("127.0.0.1", 0)
    port = opened.getsockname()[1]
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def ask() -> bytes:
        with (
            socket.create_connection(("127.0.0.1", port), SECONDS) as raw,
            context.wrap_socket(raw) as connection,
        ):
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
            return rest(connection)

    async def run() -> list[bytes]:
        listener = Listener(Application(), [opened], PATIENT, 5, tls)
        serving = asyncio.create_task(listener.run_until_ended())
        while not listener.started:
            await asyncio.sleep(0.005)
        loop = asyncio.get_running_loop()
        loop.remove_reader(opened)  # what comes now waits in the socket's queue
        asking = [asyncio.create_task(asyncio.to_thread(ask)) for _ in range(4)]
        waiting = select.poll()
        waiting.register(opened, select.POLLIN)
        await asyncio.to_thread(waiting.poll, SECONDS * 1_000)
        listener.end()
        answers = await asyncio.gather(*asking, return_exceptions=False)
        await serving
        return list(answers)

    for answer in asyncio.run(run()):
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"<hi>")


def test_plain_http_on_the_tls_port_gets_no_answer(secured: Secured) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.post(f"http://127.0.0.1:{secured.port}{PREDICT}", content=b"x", headers=JPEG)
    assert secured.upstream.requests == []


@pytest.mark.parametrize("missing", ["certificate.pem", "key.pem"])
def test_missing_files_prevent_start(missing: str, tmp_path: Path) -> None:
    placed = install(pair(tmp_path), tmp_path)
    (tmp_path / missing).unlink()

    with pytest.raises(ValueError, match="LESIONLENS_TLS_CERTIFICATE and LESIONLENS_TLS_KEY"):
        TlsFiles(*placed, print)


def test_encrypted_key_is_rejected_without_prompt(tmp_path: Path) -> None:
    placed = install(pair(tmp_path), tmp_path)
    key = serialization.load_pem_private_key(placed[1].read_bytes(), None)
    placed[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )

    with pytest.raises(ValueError, match="has a passphrase"):
        TlsFiles(*placed, print)


def test_make_certificate_creates_a_usable_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--names", "ward-pc.example,192.0.2.1", "--folder", str(tmp_path)]) == 0

    said = capsys.readouterr().out
    assert f"LESIONLENS_TLS_CERTIFICATE={tmp_path / 'certificate.pem'}" in said
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
    tls = TlsFiles(tmp_path / "certificate.pem", tmp_path / "key.pem", print)
    trust = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))
    with serving(FrontSettings(), tls=tls) as (_, _, client, _):
        url = f"https://127.0.0.1:{client.base_url.port}/ready"
        assert httpx.get(url, verify=trust).status_code == 200


def test_redirect_keeps_the_path_and_reads_no_body(serving: Serving) -> None:
    served = serving(app=redirect_app(8443))
    sent = (
        b"POST /predictions/melanoma?secret=1 HTTP/1.1\r\nHost: ward-pc:8080\r\n"
        b"Content-Length: 9000000\r\n\r\n"
    )

    answer = served.send(sent)

    assert answer.startswith(b"HTTP/1.1 308 ")
    assert b"location: https://ward-pc:8443/predictions/melanoma\r\n" in answer.lower()
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(
    ("path", "host"),
    [("/other", "x"), ("//evil.example/", "x"), ("/ready", "evil.example/"), ("/ready", "a@b")],
)
def test_redirect_rejects_invalid_path_or_host(path: str, host: str, serving: Serving) -> None:
    served = serving(app=redirect_app(443))

    answer = served.send(
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    )

    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 "))
    assert b"location" not in answer.lower()

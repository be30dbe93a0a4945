"""TLS of our servers: version 1.2 and later, with a certificate that may be replaced."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Cipher suites of TLS 1.2 with forward secrecy and authenticated encryption, as all of 1.3."""
NAMES: Final = ("LESIONLENS_TLS_CERTIFICATE", "LESIONLENS_TLS_KEY")


@dataclass(frozen=True)
class TlsSettings:
    """Settings of TLS, of the front and of the upload page; off by default."""

    tls_certificate: str = ""
    """Certificate with its chain (PEM). If set, only TLS (1.2 and later) is accepted."""

    tls_key: str = ""
    """The certificate's private key (PEM, without a passphrase)."""

    def check_together(self) -> None:
        """Refuse one of the two settings without the other; raises ValueError."""
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError(f"{' and '.join(NAMES)} are set together or not at all")


class TlsFiles:
    """Certificate, private key and TLS context of one server.

    A new certificate is loaded into the same context: open connections keep the old one.

    Args:
        certificate: PEM, with its chain.
        key: PEM, without a passphrase.
        report: called with a line where a change is loaded, or cannot be.

    Raises:
        ValueError: they cannot be loaded.
    """

    def __init__(self, certificate: Path, key: Path, report: Callable[[str], None]) -> None:
        self._certificate, self._key, self._report = certificate, key, report
        self.context = new_context()
        self._loaded = self._signature()
        self._refused: object = None
        self._load(self.context)

    def refresh(self) -> None:
        """Load the files again if they have changed; unusable ones are reported and ignored."""
        signature = self._signature()
        if signature in (self._loaded, self._refused):
            return
        try:
            # Load into another context first: half of a pair must not be in use.
            self._load(new_context())
            if self._signature() == signature:
                self._load(self.context)
                self._loaded, self._refused = signature, None
                self._report("the new TLS certificate is in use")
        except ValueError as error:
            self._refused = signature
            self._report(f"{error}; the old certificate stays in use")

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            # OpenSSL would ask for a passphrase at the terminal.
            context.load_cert_chain(self._certificate, self._key, password=_no_passphrase)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise ValueError(
                f"{' and '.join(NAMES)}: {self._certificate} and {self._key} cannot be used "
                f"({reason}): a certificate with its private key is needed, both as PEM"
            ) from None

    def _signature(self) -> tuple[object, ...]:
        states: list[object] = []
        for path in (self._certificate, self._key):
            try:
                state = os.stat(path)
                states += [state.st_mtime_ns, state.st_size, state.st_ino]
            except OSError:
                states.append(None)
        return tuple(states)


def tls_files(settings: TlsSettings, report: Callable[[str], None]) -> TlsFiles | None:
    """Return the files that the settings name; None if they are unset.

    Args:
        settings: of TLS.
        report: see :class:`TlsFiles`.

    Raises:
        ValueError: they cannot be loaded.
    """
    if not settings.tls_certificate:
        return None
    return TlsFiles(Path(settings.tls_certificate), Path(settings.tls_key), report)


def new_context() -> ssl.SSLContext:
    """Make a server's context without a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def _no_passphrase() -> str:
    raise ValueError("the private key has a passphrase")

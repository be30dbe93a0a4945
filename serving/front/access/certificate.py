"""``make certificate``: make a self-signed certificate for a trial of TLS."""

from __future__ import annotations

import argparse
import ipaddress
import os
import socket
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from serving.front.access.keys import write_private

FOLDER: Final = Path("build/access")
DAYS: Final = 90
"""Days that the certificate is valid."""


def make(names: Sequence[str], folder: Path, days: int = DAYS) -> tuple[Path, Path]:
    """Write ``certificate.pem`` and ``key.pem``.

    Args:
        names: host names and addresses that it is for.
        folder: made where it is not there.
        days: that it is valid for.

    Raises:
        OSError: they cannot be written.
        ValueError: a name that cannot be one.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "LesionLens, for a trial")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    pem = serialization.Encoding.PEM
    write_private(
        paths[1],
        key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode("ascii"),
    )
    write_private(paths[0], certificate.public_bytes(pem).decode("ascii"))
    paths[0].chmod(0o644)
    return paths


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def main(arguments: list[str] | None = None) -> int:
    """Make a certificate; returns 2 if it fails.

    Args:
        arguments: of the command line; by default this process's.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", default="", help="host names and addresses, with commas")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    given = parser.parse_args(arguments)
    names = [name.strip() for name in given.names.split(",") if name.strip()]
    names = list(dict.fromkeys([*names, socket.gethostname(), "localhost", "127.0.0.1", "::1"]))
    try:
        certificate, key = make(names, given.folder)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"a certificate for {', '.join(names)}, for {DAYS} days, self-signed:")
    print(f"export LESIONLENS_TLS_CERTIFICATE={os.fspath(certificate)} LESIONLENS_TLS_KEY={key}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

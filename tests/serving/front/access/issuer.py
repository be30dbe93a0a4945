"""Token issuer for tests: keys, a JWKS server that can be stopped, and signed tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ISSUER = "https://issuer.example"
AUDIENCE = "lesionlens"
Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def elliptic(kid: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2_048)


def public(kid: str, key: Private) -> dict[str, Any]:
    """The JWK of a private key."""
    algorithm = jwt.get_algorithm_by_name(
        "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    )
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig"}


def claims(**changed: Any) -> dict[str, Any]:
    """Claims of a valid token; None removes a claim."""
    now = int(time.time())
    found = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ward-9",
        "iat": now,
        "exp": now + 600,
        "scope": "openid predict",
        **changed,
    }
    return {name: value for name, value in found.items() if value is not None}


def token(kid: str | None = "first", key: Private | None = None, **changed: Any) -> str:
    key = key or elliptic(str(kid))
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    return jwt.encode(claims(**changed), key, algorithm, headers={"kid": kid} if kid else None)


def unsigned() -> str:
    """Token with ``alg: none``."""
    return jwt.encode(claims(), None, "none", headers={"kid": "first"})


def signed_with_the_public_key() -> str:
    """Token with HS256 whose secret is the public key; PyJWT refuses to sign it."""
    secret = (
        rsa_key()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    header = {"alg": "HS256", "typ": "JWT", "kid": "rsa"}
    text = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims()))
    return f"{text}.{_encoded(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


class Issuer:
    """JWKS server with its keys."""

    def __init__(self) -> None:
        self.keys = [public("first", elliptic("first")), public("rsa", rsa_key())]
        self.status = 200
        self.asked = 0
        self.url = ""

    def rotate(self, kid: str) -> None:
        """Replace all keys by this one."""
        self.keys = [public(kid, elliptic(kid))]

    def document(self) -> bytes:
        return json.dumps({"keys": self.keys}).encode()


@contextmanager
def issuer_at_an_address() -> Iterator[Issuer]:
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            body = issuer.document()
            self.send_response(issuer.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}/jwks"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()

"""Receipts: signed statements of an answer, for which a diagnosis may be sent later.

A receipt is a JWT (RFC 7519) signed with HMAC-SHA256 (RFC 7515). It says what was answered, to the
tenth of the probability and to the day, and nothing about the photograph or who sent it.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from handlers.groups import Groups

AUDIENCE: Final = "lesionlens-outcome"
"""Claim ``aud``: no other token that is signed with the same key counts as a receipt."""
BINS: Final = 10
"""Equal parts of the probability, counted from 0."""
MIN_KEY_CHARACTERS: Final = 32
"""RFC 7518: a key of HMAC-SHA256 has at least 256 bits."""
ID_BYTES: Final = 16
DAY: Final = 86_400
"""Seconds of a day."""


class ReceiptSigner:
    """Signs receipts with one key.

    Args:
        key: secret, of 32 bytes or more.
        days: for which a receipt is valid, from the beginning of its day (UTC).
        clock: Unix time in seconds, for tests.
    """

    def __init__(self, key: bytes, days: int, clock: Callable[[], float] = time.time) -> None:
        self._key, self._days, self._clock = key, days, clock
        self._header = _encoded({"alg": "HS256", "typ": "JWT"})

    @classmethod
    def load(cls, path: str, days: int) -> ReceiptSigner:
        """Read the keys of ``LESIONLENS_RECEIPT_KEY``; the first of them signs.

        Args:
            path: absolute, of a file with one key a line.
            days: for which a receipt is valid.

        Raises:
            ValueError: the file cannot be used; says why, and quotes no key.
        """
        return cls(read_keys(path)[0], days)

    def receipt(self, prediction: Mapping[str, Any], groups: Groups = ()) -> str:
        """Sign a receipt with an id of its own, 128 random bits.

        Args:
            prediction: as it is answered.
            groups: declared ones of the photograph.
        """
        day = int(self._clock() // DAY) * DAY
        claims = {
            "aud": AUDIENCE,
            "jti": secrets.token_urlsafe(ID_BYTES),
            "iat": day,
            "exp": day + self._days * DAY,
            "bin": min(int(prediction["probability"] * BINS), BINS - 1),
            "label": prediction["label"],
            "reasons": prediction["reasons"],
            "version": prediction["model_version"],
            "groups": dict(groups),
        }
        signed = self._header + b"." + _encoded(claims)
        signature = _base64url(hmac.digest(self._key, signed, "sha256"))
        return (signed + b"." + signature).decode("ascii")


def read_keys(path: str) -> list[bytes]:
    """Read a file of keys, one a line, the one that signs first.

    Args:
        path: absolute.

    Raises:
        ValueError: it cannot be read, or a key is too short; quotes no key.
    """
    name = "LESIONLENS_RECEIPT_KEY"
    if not Path(path).is_absolute():
        raise ValueError(f"{name}={path!r} is not an absolute path of a file")
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise ValueError(f"{name}: {path} cannot be read ({error.strerror})") from None
    keys = [line.strip() for line in lines if line.strip()]
    if not keys or min(map(len, keys)) < MIN_KEY_CHARACTERS:
        raise ValueError(
            f"{name}: {path} needs one key a line, each of {MIN_KEY_CHARACTERS} characters or "
            "more: `openssl rand -hex 32` makes one"
        )
    return keys


def _encoded(document: Mapping[str, Any]) -> bytes:
    return _base64url(json.dumps(document, separators=(",", ":")).encode())


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")

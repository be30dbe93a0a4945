"""Verify the receipts that the workers sign (``handlers/receipt.py``), with PyJWT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import jwt

from serving.front.messages import RejectedError

ALGORITHM: Final = "HS256"
AUDIENCE: Final = "lesionlens-outcome"
MIN_KEY_CHARACTERS: Final = 32
LABELS: Final = ("no cancer", "cancer")
"""Labels and diagnoses; the same words, in the order of the classes."""
BINS: Final = 10
"""Equal parts of the probability."""
MAX_ID: Final = 64
_CLAIMS: Final[dict[str, type]] = {
    **{"jti": str, "exp": int, "bin": int, "label": str},
    **{"version": str, "groups": dict},
}


@dataclass(frozen=True)
class Receipt:
    """Content of a verified receipt."""

    id: str
    expires: int
    """Unix time in seconds."""
    bin: int
    """Tenth of the probability, from 0."""
    label: str
    version: str
    groups: tuple[tuple[str, str], ...]
    """Attributes of the photograph, each with its group."""


def parse_keys(content: bytes) -> tuple[bytes, ...]:
    """Read a file of keys, one a line.

    Args:
        content: of the file.

    Raises:
        ValueError: there is none, or a key is too short; quotes none.
    """
    keys = tuple(line.strip() for line in content.splitlines() if line.strip())
    if not keys or min(map(len, keys)) < MIN_KEY_CHARACTERS:
        raise ValueError(f"it needs one key a line, of {MIN_KEY_CHARACTERS} characters or more")
    return keys


class ReceiptVerifier:
    """Verifies receipts.

    Args:
        keys: returns the keys at this moment; a receipt is signed with any of them.
    """

    def __init__(self, keys: Callable[[], tuple[bytes, ...]]) -> None:
        self._keys = keys

    def verify(self, text: str) -> Receipt:
        """Verify a receipt and return its content.

        Args:
            text: as a client sent it.

        Raises:
            RejectedError: 400 if it is not a receipt, 403 if this service did not sign it, 410 if
                it has expired.
        """
        for key in self._keys():
            try:
                claims: dict[str, Any] = jwt.decode(
                    text,
                    key,
                    algorithms=[ALGORITHM],
                    audience=AUDIENCE,
                    options={"require": ["aud", "exp", "jti"]},
                )
            except jwt.InvalidSignatureError:
                continue
            except jwt.ExpiredSignatureError:
                raise RejectedError(
                    410, "the receipt has expired: its outcome is no longer counted"
                ) from None
            except (jwt.DecodeError, ValueError, TypeError, RecursionError):
                raise RejectedError(
                    400,
                    '"receipt" is not a receipt: send the text that the answer has in its field '
                    "`receipt`, unchanged",
                ) from None
            except jwt.PyJWTError:
                break
            if (receipt := _receipt(claims)) is not None:
                return receipt
            break
        raise RejectedError(
            403,
            "this service did not sign the receipt: send the text that the answer has in its "
            "field `receipt`, unchanged, to the service that gave it",
        )


def _receipt(claims: dict[str, Any]) -> Receipt | None:
    """Read the claims; None if another program signed them with the same key."""
    if not all(type(claims.get(name)) is kind for name, kind in _CLAIMS.items()):
        return None
    groups = tuple(claims["groups"].items())
    known = claims["label"] in LABELS and 0 <= claims["bin"] < BINS
    texts = all(isinstance(group, str) for _, group in groups)
    if not (known and texts and 0 < len(claims["jti"]) <= MAX_ID):
        return None
    of_answer = claims["bin"], claims["label"], claims["version"]
    return Receipt(claims["jti"], claims["exp"], *of_answer, groups)

"""Front with outcomes on a free port, and receipts for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from prometheus_client import CollectorRegistry

from handlers.receipt import ReceiptSigner
from serving.front.access.control import AccessControl
from serving.front.outcomes.settings import OutcomeSettings
from serving.front.settings import FrontSettings
from tests.serving.front import fronts

OUTCOME = "/v1/models/melanoma:outcome"
VERSION = "folder-weights-1a2b3c4d"
PREDICTION = {
    "label": "cancer",
    "probability": 0.873,
    "reasons": ["near_threshold"],
    "model_version": VERSION,
}
KEY, OLD_KEY = b"k" * 32, b"o" * 32


@pytest.fixture
def settings(tmp_path: Path) -> OutcomeSettings:
    keys = tmp_path / "receipt.keys"
    keys.write_bytes(KEY + b"\n\n" + OLD_KEY + b"\n")
    return OutcomeSettings(
        outcome_store=str(tmp_path / "outcomes.sqlite"),
        receipt_key=str(keys),
        groups="site=north,south",
    )


@contextmanager
def serving(
    settings: OutcomeSettings | None, access: AccessControl | None = None
) -> Iterator[tuple[httpx.Client, CollectorRegistry]]:
    with fronts.serving(FrontSettings(), access, outcomes=settings, version=VERSION) as served:
        yield served[2], served[3]


def receipt(key: bytes = KEY, days: int = 1, at: float | None = None, **changes: Any) -> str:
    signer = ReceiptSigner(key, days, lambda: time.time() if at is None else at)
    return signer.receipt(PREDICTION | changes, (("site", "north"),))


def signed(key: bytes = KEY, algorithm: str | None = "HS256", **changes: Any) -> str:
    """A token with the claims of a receipt, some of them changed; None leaves one out."""
    claims = jwt.decode(receipt(), options={"verify_signature": False}) | changes
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, key if algorithm else None, algorithm=algorithm)


def body(text: Any, diagnosis: Any = "cancer") -> dict[str, Any]:
    return {"receipt": text, "diagnosis": diagnosis}


def counts(registry: CollectorRegistry) -> dict[tuple[str, ...], float]:
    """Every series of outcomes: its name and the values of its labels in their order."""
    names = {
        "lesionlens_outcomes": ("label", "diagnosis"),
        "lesionlens_group_outcomes": ("attribute", "group", "label", "diagnosis"),
        "lesionlens_outcome_probabilities": ("bin", "diagnosis"),
    }
    return {
        (
            sample.name,
            *(sample.labels[name] for name in (*names[family.name], "model_version")),
        ): sample.value
        for family in registry.collect()
        if family.name in names
        for sample in family.samples
    }

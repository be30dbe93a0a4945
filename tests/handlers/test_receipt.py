"""Test receipts: what they say, who can sign them, and that answers carry them on request."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from handlers.performance import RECEIPTS
from handlers.protocol import RawRequest
from handlers.receipt import AUDIENCE, DAY, ReceiptSigner, read_keys
from handlers.service import MelanomaService
from handlers.telemetry import Recorder

KEY = b"0123456789abcdef" * 2
PREDICTION = {
    "label": "cancer",
    "probability": 0.873,
    "threshold": 0.31,
    "review": True,
    "reasons": ["near_threshold"],
    "model_version": "folder-weights-1a2b3c4d",
    "box": [0, 0, 1, 1],
    "risk": 0.1,
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("keys") / "receipt.keys"
    path.write_bytes(KEY + b"\n" + b"older" * 8 + b"\n")
    return str(path)


def claims(receipt: str) -> dict[str, Any]:
    return jwt.decode(receipt, KEY, algorithms=["HS256"], audience=AUDIENCE)


def test_receipt_says_what_was_answered_and_nothing_else(keys: str) -> None:
    signer, before = ReceiptSigner.load(keys, days=3), time.time()

    first, second = (claims(signer.receipt(PREDICTION, (("site", "north"),))) for _ in range(2))

    assert first.pop("jti") != second.pop("jti")
    day = first["iat"]
    assert day % DAY == 0
    assert 0 <= before - day <= DAY
    assert first == second
    assert first == {
        "aud": AUDIENCE,
        "iat": day,
        "exp": day + 3 * DAY,
        "bin": 8,
        "label": "cancer",
        "reasons": ["near_threshold"],
        "version": "folder-weights-1a2b3c4d",
        "groups": {"site": "north"},
    }


@pytest.mark.parametrize(("probability", "place"), [(0.0, 0), (0.0999, 0), (0.1, 1), (1.0, 9)])
def test_probability_falls_into_a_tenth(probability: float, place: int) -> None:
    receipt = ReceiptSigner(KEY, 1).receipt(PREDICTION | {"probability": probability})

    assert claims(receipt)["bin"] == place


def test_only_the_key_verifies() -> None:
    receipt = ReceiptSigner(KEY, 1).receipt(PREDICTION)

    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(receipt, b"x" * 32, algorithms=["HS256"], audience=AUDIENCE)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"cannot be read \(No such file"),
        (b"\n\n", "needs one key a line, each of 32 characters or more: `openssl rand"),
        (KEY + b"\nsecret\n", "needs one key a line"),
    ],
)
def test_unusable_key_file_is_an_error(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ValueError, match=f"LESIONLENS_RECEIPT_KEY: .*{said}") as caught:
        read_keys(str(path))
    assert "secret" not in str(caught.value)


def test_path_of_the_keys_is_absolute() -> None:
    with pytest.raises(ValueError, match=r"'receipt\.keys' is not an absolute path"):
        ReceiptSigner.load("receipt.keys", 1)


def test_answers_carry_a_receipt_on_request(
    service_with: Callable[..., MelanomaService],
    photograph: Callable[[int, int], bytes],
    v1: Callable[..., Any],
    keys: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    service = service_with(receipt_key=keys, groups="site=north", decision_log=True)
    recorder, image = Recorder("v1"), photograph(1, 0)
    asked: dict[str, Any] = {"receipt": True, "groups": {"site": "north"}}

    answers = service.answer(
        [
            RawRequest(v1(image, image, **asked), "predict"),
            RawRequest(v1(image, **asked), "explain"),
            RawRequest(image, "predict", receipt="true"),
            RawRequest(v1(image), "predict", receipt="true"),
            RawRequest(v1(image, receipt=False), "predict", receipt="true"),
            RawRequest(v1(image), "predict"),
        ],
        recorder,
    )

    assert [answer.status for answer in answers] == [200] * 6
    documents = [json.loads(answer.body) for answer in answers]
    rows = [row for one in documents for row in next(iter(one.values())) if "label" not in one]
    rows.insert(3, documents[2])
    receipts = [row.pop("receipt", None) for row in rows]
    assert [text is not None for text in receipts] == [True] * 5 + [False] * 2
    given = [claims(text) for text in receipts if text]
    assert len({one["jti"] for one in given}) == 5
    for one in given:
        assert one["label"] == rows[0]["label"]
        assert one["bin"] == int(rows[0]["probability"] * 10)
    assert [one["groups"] for one in given] == [{"site": "north"}] * 3 + [{}] * 2
    counted = [entry.value for entry in recorder.observations() if entry.metric == RECEIPTS]
    assert counted == [5]
    # Readers of the log must not be able to send outcomes.
    assert "receipt" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "header", "said"),
    [
        ({"receipt": True}, None, "instance 0: no receipts are given here: .*_RECEIPT_KEY"),
        ({"receipt": "yes"}, None, 'instance 0: "receipt" is a text, not true or false'),
        ({}, "yes", "x-receipt: neither true nor false"),
    ],
)
def test_error_says_why_there_is_no_receipt(
    service: MelanomaService,
    photograph: Callable[[int, int], bytes],
    v1: Callable[..., Any],
    options: dict[str, Any],
    header: str | None,
    said: str,
) -> None:
    request = RawRequest(v1(photograph(1, 0), **options), "predict", receipt=header)

    (answer,) = service.answer([request], Recorder("v1"))

    assert answer.status == 400
    assert re.match(said, json.loads(answer.body)["error"])

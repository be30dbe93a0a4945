"""Test that malformed, forged, damaged and expired receipts count nothing."""

from __future__ import annotations

import asyncio
import json
import random
import string
import time

import pytest
from prometheus_client import CollectorRegistry

from handlers.receipt import AUDIENCE, DAY
from serving.front.messages import FrontRequest, RejectedError
from serving.front.outcomes.counting import MAX_BYTES, Outcomes
from serving.front.outcomes.settings import OutcomeSettings
from serving.front.telemetry import FrontMetrics
from tests.serving.front.outcomes.conftest import (
    OUTCOME,
    VERSION,
    body,
    counts,
    receipt,
    serving,
    signed,
)


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"{", 400, "not valid JSON"),
        (b"[" * 5_000, 400, "not valid JSON"),
        (b"[]", 400, "not an object of receipt and diagnosis"),
        (json.dumps({"receipt": "x"}).encode(), 400, "not an object of receipt and diagnosis"),
        (json.dumps(body(7)).encode(), 400, '"receipt" is not a text'),
        (json.dumps(body("\ud800")).encode(), 400, '"receipt" is not a receipt'),
        (json.dumps(body("a.b.c")).encode(), 400, '"receipt" is not a receipt'),
        (json.dumps(body("x", "melanoma")).encode(), 400, "is not one of: no cancer, cancer"),
        (json.dumps(body("x", ["cancer"])).encode(), 400, "is not one of: no cancer, cancer"),
        (b" " * (MAX_BYTES + 1), 413, f"at most {MAX_BYTES} bytes"),
    ],
)
def test_malformed_outcome_is_refused(
    content: bytes, status: int, said: str, settings: OutcomeSettings
) -> None:
    with serving(settings) as (client, registry):
        reply = client.post(OUTCOME, content=content)
        assert reply.status_code == status
        assert said in reply.json()["error"]
        assert set(counts(registry).values()) == {0}


def test_forged_and_old_receipts_are_refused(settings: OutcomeSettings) -> None:
    yesterday = time.time() - 2 * DAY
    refused = {
        "another key": (403, receipt(b"x" * 32)),
        "no signature": (403, signed(algorithm=None)),
        "another algorithm": (403, signed(b"k" * 64, "HS512")),
        "another audience": (403, signed(aud="page")),
        "no audience": (403, signed(aud=None)),
        "no id": (403, signed(jti=None)),
        "an endless id": (403, signed(jti="x" * 65)),
        "no expiry": (403, signed(exp=None)),
        "another label": (403, signed(label="mole")),
        "a bin of its own": (403, signed(bin=10)),
        "a bin that is a truth value": (403, signed(bin=True)),
        "odd groups": (403, signed(groups={"site": ["north"]})),
        "expired": (410, receipt(at=yesterday)),
        "forged and expired": (403, receipt(b"x" * 32, at=yesterday)),
    }
    with serving(settings) as (client, registry):
        for name, (status, text) in refused.items():
            reply = client.post(OUTCOME, json=body(text))
            assert (reply.status_code, name) == (status, name)
            assert AUDIENCE not in reply.text
        assert set(counts(registry).values()) == {0}


def test_damaged_receipts_are_refused(settings: OutcomeSettings) -> None:
    chance, valid = random.Random(5), receipt()
    registry = CollectorRegistry()
    outcomes = Outcomes(settings, VERSION, FrontMetrics(registry))

    async def status_of(text: str) -> int:
        content = json.dumps(body(text)).encode()
        with pytest.raises(RejectedError) as caught:
            await outcomes.answer(FrontRequest("outcome", OUTCOME, content, True))
        assert text not in caught.value.message
        return caught.value.status

    async def statuses() -> set[int]:
        found = set()
        # Of the last character two bits count for nothing.
        for _ in range(400):
            place, kind = chance.randrange(len(valid) - 1), chance.randrange(3)
            mark = chance.choice(string.printable + "é\x00")
            rest = valid[place + 1 :] if kind else valid[place:]
            damaged = valid[:place] + (mark if kind < 2 else "") + rest
            if damaged != valid:
                found.add(await status_of(damaged))
        return found

    try:
        assert asyncio.run(statuses()) == {400, 403}
        assert set(counts(registry).values()) == {0}
    finally:
        outcomes.close()

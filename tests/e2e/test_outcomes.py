"""Test that answers of a running server have receipts, and that each is counted once."""

from __future__ import annotations

from typing import Any

import httpx
import jwt
from prometheus_client.parser import text_string_to_metric_families
from schemathesis.specs.openapi import checks

from handlers.labels import LABELS
from serving.local import LocalServer
from tests.e2e.conftest import Trained
from tests.e2e.openapi_requests import JSON, api, document
from tests.e2e.requests_of import (
    EXPLAIN,
    OUTCOME,
    PREDICT,
    RAW_EXPLAIN,
    RAW_PREDICT,
    instances,
)
from tests.e2e.watching import until

CONFORM = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


def series(server: LocalServer, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Values of a counter, by the values of its labels."""
    text = httpx.get(f"{server.metrics}/metrics").text
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def test_every_kind_of_answer_has_its_own_receipt(
    client: httpx.Client, server: LocalServer, photographs: list[bytes]
) -> None:
    photograph, header = photographs[0], {"x-receipt": "true"}
    form = {"data": ("x.jpg", photograph, "image/jpeg")}

    def given() -> float:
        return sum(series(server, "lesionlens_receipts_total", "label").values())

    before = given()

    replies = [
        client.post(PREDICT, json=instances(photograph, photograph, receipt=True)),
        client.post(EXPLAIN, json=instances(photograph, receipt=True)),
        client.post(RAW_PREDICT, content=photograph, headers=header),
        client.post(RAW_EXPLAIN, content=photograph, headers=header),
        client.post(RAW_PREDICT, files=form, data={"receipt": "true"}),
        client.post(RAW_PREDICT, content=photograph),
    ]

    rows: list[dict[str, Any]] = []
    for reply in replies:
        assert reply.status_code == 200, reply.text
        answer = reply.json()
        rows += answer.get("predictions", answer.get("explanations", [answer]))
    receipts = [row["receipt"] for row in rows[:-1]]
    claims = [jwt.decode(text, options={"verify_signature": False}) for text in receipts]
    assert len({one.pop("jti") for one in claims}) == 6
    assert claims == [claims[0]] * 6
    assert claims[0]["label"] == rows[0]["label"]
    assert "receipt" not in rows[-1]
    until(lambda: given() == before + 6, "not all receipts were counted")


def test_outcome_is_counted_once(
    client: httpx.Client, server: LocalServer, trained: Trained, photographs: list[bytes]
) -> None:
    version = trained.summary["model_version"]
    pairs = "lesionlens_outcomes_total", "label", "diagnosis", "model_version"
    tenths = "lesionlens_outcome_probabilities_total", "bin", "diagnosis", "model_version"
    before = series(server, *pairs)
    assert before.keys() == {(one, other, version) for one in LABELS for other in LABELS}
    asked = instances(photographs[1], receipt=True)
    (answer,) = client.post(PREDICT, json=asked).json()["predictions"]
    forged = answer["receipt"][:-4] + ("AAAA" if answer["receipt"][-4:] != "AAAA" else "BBBB")
    operation = api(document(), server.inference)[OUTCOME]["post"]
    statuses = []
    for receipt in (forged, "x", answer["receipt"], answer["receipt"]):
        body = {"receipt": receipt, "diagnosis": "cancer"}
        case = operation.Case(body=body, media_type=JSON)
        reply = case.call_and_validate(checks=CONFORM, timeout=60)
        statuses.append(reply.status_code)
        if reply.status_code == 200:
            assert reply.json() == {
                "label": answer["label"],
                "diagnosis": "cancer",
                "model_version": version,
            }

    assert statuses == [403, 400, 200, 409]
    counted = answer["label"], "cancer", version
    assert series(server, *pairs) == before | {counted: before[counted] + 1}
    place = str(int(answer["probability"] * 10))
    assert series(server, *tenths)[place, "cancer", version] >= 1
    logged = b"".join(path.read_bytes() for path in server.settings.logs.iterdir())
    assert b" outcome 200 " in logged
    assert answer["receipt"].rpartition(".")[2].encode() not in logged

"""Test the FHIR report against a model of FHIR's resources."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from fhir.resources.R4B.diagnosticreport import DiagnosticReport

from tests.web.conftest import NAME, Double, Elements, Reply, Visit, prediction
from web.options import IMPRESSIONS

CASES: list[dict[str, Any]] = [
    {},
    {"review": True, "reasons": ["near_threshold", "low_quality"]},
    {"label": "no cancer", "probability": 0.0, "risk": None, "prevalence": None},
]


def report_of(page: str) -> dict[str, Any]:
    """The file behind the link of an answer."""
    (link,) = [one for one in Elements(page).of("a") if one.get("download")]
    kind, _, data = (link["href"] or "").partition(",")
    assert kind == "data:application/fhir+json;base64"
    return dict(json.loads(base64.b64decode(data)))


@pytest.mark.parametrize("changes", CASES)
@pytest.mark.parametrize("impression", ["", *IMPRESSIONS[:1]])
def test_report_is_valid_preliminary_and_names_nobody(
    changes: dict[str, Any], impression: str, visit: Visit, photograph: bytes
) -> None:
    said = prediction(**changes)
    double = Double(Reply({"predictions": [said]}))
    files = {"photograph": (NAME, photograph, "image/jpeg")}
    page = visit("POST", double=double, files=files, data={"impression": impression})
    document = report_of(page.text)

    # R4B is R4 with other resources changed; both models forbid entries that FHIR does not have.
    parsed = DiagnosticReport.model_validate(document)
    device, *observations = parsed.contained
    found = {one.id: one for one in observations}
    assert {parsed.status, *(one.status for one in observations)} == {"preliminary"}
    assert [one.reference for one in parsed.result] == [f"#{name}" for name in found]
    assert device.version[0].value == said["model_version"]
    assert float(found["probability"].valueQuantity.value) == said["probability"]
    assert found["review"].valueBoolean is said["review"]
    assert [note.text for note in found["review"].note or ()] == said["reasons"]
    assert ("risk" in found) is (said["risk"] is not None)
    assert ("impression" in found) is bool(impression)
    for one in (parsed, *observations):
        assert {one.subject, one.encounter, one.performer} == {None}
    text = json.dumps(document)
    assert NAME[:10] not in text
    assert "identifier" not in text

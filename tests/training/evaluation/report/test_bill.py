"""The model card for programs: valid CycloneDX, with the numbers of the report."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from training.evaluation.report.model import bill, considerations

VERSION = SchemaVersion.from_version(bill.SPECIFICATION)


def card(evidence: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(bill.card(evidence))
    found: dict[str, Any] = document["metadata"]["component"]["modelCard"]
    return found


@pytest.mark.parametrize("sample", ["evidence", "lean"])
def test_bill_of_materials_is_valid_cyclonedx(request: pytest.FixtureRequest, sample: str) -> None:
    text = bill.card(request.getfixturevalue(sample))

    assert JsonStrictValidator(VERSION).validate_str(text) is None
    # The validator knows model cards: it is not valid whatever stands there.
    wrong = text.replace('"supervised"', '"by hand"')
    assert JsonStrictValidator(VERSION).validate_str(wrong) is not None


def test_the_scores_of_samples_and_groups_have_intervals(evidence: dict[str, Any]) -> None:
    metrics = card(evidence)["quantitativeAnalysis"]["performanceMetrics"]

    found = {(one["type"], one["slice"]): one for one in metrics}
    area = found["AUROC", "test, leak-free"]
    assert area["value"] == "0.898"
    ends = area["confidenceInterval"]
    assert float(ends["lowerBound"]) == pytest.approx(0.848)
    assert float(ends["upperBound"]) == pytest.approx(0.938)
    of_group = [one["type"] for one in metrics if one["slice"] == "skin_type: <V>, test, leak-free"]
    # Its AUROC could not be measured.
    assert of_group == ["sensitivity", "specificity"]
    assert "PPV at 2 % prevalence" in {one["type"] for one in metrics}


def test_its_limits_are_those_of_the_other_card(evidence: dict[str, Any]) -> None:
    considered = card(evidence)["considerations"]

    assert considered["technicalLimitations"][-5:] == considerations.limits(evidence)
    assert considered["useCases"] == [considerations.USE]


def test_no_photograph_and_no_name_of_one(
    evidence: dict[str, Any], thumbnails: dict[str, bytes]
) -> None:
    text = bill.card(evidence)

    assert "base64" not in text
    assert not any(json.dumps(name)[1:-1] in text for name in thumbnails)

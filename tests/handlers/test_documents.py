"""Test that documents of the archive are read completely or the error names the entry."""

from typing import Any

import pytest

from handlers.card import Card
from handlers.documents import DocumentError, parse, to_json

DOCUMENT: dict[str, Any] = {
    "model_version": "folder-weights-0123abcd",
    "labels": ["no cancer", "cancer"],
    "threshold": 0.4,
    "temperature": 1,
    "review": {"near_threshold": [0.3, 0.5]},
    "cases": {"shown": "labels"},
    "variants": {
        "order": ["other"],
        "measured": {
            "other": {
                "calibration": {
                    "temperature": 1.5,
                    "threshold": 0.45,
                    "near_threshold": [0.4, 0.5],
                },
                "auroc": {"value": 0.9, "low": 0.8, "high": 0.95},
                "auroc_change": {"value": 0.0, "low": 0.0, "high": 0.0},
                "specificity": {"value": 0.5, "low": 0.4, "high": 0.6},
                "ece": {"value": 0.02, "low": 0.01, "high": 0.03},
                "ece_if_perfect": 0.02,
                "forward_ms": 12.5,
                "accepted": True,
            },
        },
        "lacking": {"absent": "the package nncf is not installed"},
    },
    "backends": {
        "order": ["fast"],
        "measured": {
            "fast": {
                "photographs": 300,
                "passes": True,
            },
            "absent": {"photographs": 0, "passes": False, "lacking": "no such device"},
        },
    },
}


def test_document_survives_reading_and_writing() -> None:
    card = parse(DOCUMENT | {"unknown": 1}, Card, "card.json")

    assert to_json(card) == DOCUMENT
    assert card.operating_point("other").threshold == 0.45
    assert card.operating_point("absent").near_threshold == (0.3, 0.5)
    assert card.operating_point("unknown").temperature == 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threshold": "0.4"}, "card.json: threshold is not a number"),
        ({"threshold": True}, "card.json: threshold is not a number"),
        ({"labels": "cancer"}, "card.json: labels is not a list"),
        ({"review": {}}, "card.json: review has no 'near_threshold'"),
        ({"review": []}, "card.json: review is not an object"),
        (
            {"review": {"near_threshold": [0.3]}},
            "card.json: review: near_threshold has not 2 entries",
        ),
        (
            {"variants": {"measured": {"other": {"calibration": {"threshold": 0.4}}}}},
            "card.json: variants: measured: other has no 'auroc'",
        ),
    ],
)
def test_error_names_the_entry(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError, match=f"^{message}$"):
        parse(DOCUMENT | changes, Card, "card.json")

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
    "backends": {
        "order": ["fast"],
        "measured": {
            "fast": {
                "photographs": 300,
                "passes": True,
                "calibration": {
                    "temperature": 1.5,
                    "threshold": 0.45,
                    "near_threshold": [0.4, 0.5],
                },
            },
            "absent": {"photographs": 0, "passes": False, "lacking": "no such device"},
        },
    },
}


def test_document_survives_reading_and_writing() -> None:
    card = parse(DOCUMENT | {"unknown": 1}, Card, "card.json")

    assert to_json(card) == DOCUMENT
    assert card.operating_point("fast").threshold == 0.45
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
            {"backends": {"measured": {"fast": {"calibration": {"threshold": 0.4}}}}},
            "card.json: backends: measured: fast: calibration has no 'temperature'",
        ),
    ],
)
def test_error_names_the_entry(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError, match=f"^{message}$"):
        parse(DOCUMENT | changes, Card, "card.json")

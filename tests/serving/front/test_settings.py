"""Test the settings of the front."""

from __future__ import annotations

import pytest

from serving.front.settings import FrontSettings


def test_unset_variables_use_defaults() -> None:
    given = {"LESIONLENS_VERBS": " ", "OTHER": "1"}
    assert FrontSettings.from_environment(given) == FrontSettings()


def test_reads_every_type_of_setting() -> None:
    found = FrontSettings.from_environment(
        {
            "LESIONLENS_VERBS": "predict",
            "LESIONLENS_MAX_IN_FLIGHT": "7",
            "LESIONLENS_BODY_SECONDS": "1.5",
            "LESIONLENS_CORS_ORIGINS": "https://a.example, https://b.example",
        }
    )
    assert found == FrontSettings(
        verbs=("predict",),
        max_in_flight=7,
        body_seconds=1.5,
        cors_origins=("https://a.example", "https://b.example"),
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "LESIONLENS_VERBS",
            "predict,dance",
            "'dance' is not a verb; there are: predict, explain, outcome",
        ),
        ("LESIONLENS_MAX_IN_FLIGHT", "many", "'many' is not a number"),
        ("LESIONLENS_BODY_SECONDS", "0", "must be above zero"),
        ("LESIONLENS_BODY_SECONDS", "inf", "must be above zero and finite"),
    ],
)
def test_names_invalid_value(name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        FrontSettings.from_environment({name: text})
    assert name in str(caught.value)

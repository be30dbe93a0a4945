"""Test settings read from the environment."""

import dataclasses

import pytest

from handlers.settings import HandlerSettings


def test_defaults_are_the_limits_of_the_design() -> None:
    settings = HandlerSettings.from_environment({})

    assert settings == HandlerSettings()
    assert settings.max_instances == 16
    assert settings.max_pixels == 25_000_000
    assert settings.max_body_bytes == 20_000_000
    assert settings.min_side == 32


def test_every_field_is_read_from_its_variable() -> None:
    names = [field.name for field in dataclasses.fields(HandlerSettings)]
    others = {
        "backend": "frozen",
        "variant": "int8-224px-2stages-1orientation",
        "prevalence": 0.1,
        "decision_log": True,
        "groups": "site=north",
        "receipt_key": "/keys",
    }
    values = {name: n for n, name in enumerate(names, 1)} | others
    environment = {
        f"LESIONLENS_{name.upper()}": str(value).lower() for name, value in values.items()
    }

    settings = HandlerSettings.from_environment(environment)

    assert dataclasses.asdict(settings) == values


def test_reads_the_process_environment_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLENS_MAX_INSTANCES", " 3 ")

    assert HandlerSettings.from_environment().max_instances == 3


def test_seconds_may_be_a_fraction_and_counts_stay_whole() -> None:
    settings = HandlerSettings.from_environment(
        {"LESIONLENS_EXPLAIN_SECONDS": "2.5", "LESIONLENS_MIN_SIDE": "64"}
    )

    assert settings.explain_seconds == 2.5
    assert settings.min_side == 64
    assert isinstance(settings.min_side, int)


def test_ignores_empty_and_foreign_variables() -> None:
    environment = {"LESIONLENS_MAX_PIXELS": " ", "LESIONLENS_DATA": "/photographs", "PATH": "x"}

    assert HandlerSettings.from_environment(environment) == HandlerSettings()


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("LESIONLENS_VARIANT", "fast", "'fast' is not a serving variant; an example is .*px"),
        (
            "LESIONLENS_BACKEND",
            "gpu",
            "'gpu' is not a backend; there are: fp32, frozen, .*cuda-fp16",
        ),
        ("LESIONLENS_MAX_INSTANCES", "many", r"'many' is not a number \(int\)"),
        ("LESIONLENS_MAX_INSTANCES", "2.5", r"'2.5' is not a number \(int\)"),
        ("LESIONLENS_EXPLAIN_SECONDS", "soon", r"'soon' is not a number \(float\)"),
        ("LESIONLENS_MIN_SIDE", "0", "'0' must be above zero"),
        ("LESIONLENS_FORWARD_BATCH", "-8", "'-8' must be above zero"),
        ("LESIONLENS_EXPLAIN_SECONDS", "inf", "'inf' must be above zero and finite"),
        ("LESIONLENS_EXPLAIN_SECONDS", "nan", "'nan' must be above zero and finite"),
        ("LESIONLENS_GROUPS", "site=", ": '' in 'site=' is no name .* an example is site=north"),
        ("LESIONLENS_DECISION_LOG", "yes", "'yes' is neither true nor false"),
        ("LESIONLENS_PREVALENCE", "2", "'2' must be below 1, for example 0.02"),
    ],
)
def test_error_names_the_variable_and_expected_value(variable: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"{variable}=?{said}"):
        HandlerSettings.from_environment({variable: text})

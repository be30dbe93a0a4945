"""Settings come from LESIONLENS_* variables and are refused by name when they are wrong."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from handlers.variants import EXPORTED, NUMERICS, PORTABLE
from training.features import VIEWS
from training.settings import VARIANTS, TrainingSettings

NAMES = tuple(TrainingSettings.model_fields)


def test_without_variables_nothing_is_asked_of_the_user() -> None:
    settings = TrainingSettings()

    assert settings.data is None
    assert settings.weights is None
    assert settings.model_folder == Path("build/model")
    assert settings.archive == Path("model_store/model-store")
    assert settings.sensitivity == 0.95
    assert settings.validation_share == 0.15
    assert settings.finetune == "head"
    assert settings.store == "build/mlflow"


@pytest.mark.parametrize(
    ("finetune", "variants", "count"),
    [
        ("head", VARIANTS, 2),
        ("head", (), len(VIEWS)),
        ("head", (PORTABLE.name,), len(VIEWS)),
        ("layer4", VARIANTS, len(VIEWS)),
    ],
)
def test_all_views_are_computed_unless_plain_torchscript_is_one_variant_of_several(
    finetune: str, variants: tuple[str, ...], count: int
) -> None:
    settings = TrainingSettings(finetune=finetune, variants=variants, views=2)

    assert settings.views_computed == count


def test_recipe_all_fits_variants_of_one_stage_unless_others_are_named() -> None:
    two = "int8-224px-2stages-1orientation"

    default = TrainingSettings(finetune="all").variants_fitted
    named = TrainingSettings(finetune="all", variants=(two, PORTABLE.name)).variants_fitted

    assert default == tuple(name.replace("2stages", "1stage") for name in VARIANTS)
    assert named == (two,)
    assert TrainingSettings(finetune="layer4").variants_fitted == VARIANTS


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("views", "3", 3),
        ("data", "/photographs", Path("/photographs")),
        ("weights", "/w.pth", Path("/w.pth")),
        ("build", "/b", Path("/b")),
        ("cache", "/c", Path("/c")),
        ("archive", "/a", Path("/a")),
        ("validation_share", "0.3", 0.3),
        ("sensitivity", "0.9", 0.9),
        ("alpha_malignant", "0.01", 0.01),
        ("alpha_benign", "0.2", 0.2),
        ("finetune", "layer4", "layer4"),
        ("reports", "/r", Path("/r")),
        ("report_seeds", "2", 2),
        ("report_recipes", "layer4, head", ("head", "layer4")),
        ("explain_photographs", "120", 120),
        ("explain_outlined", "60", 60),
        ("explain_repeated", "12", 12),
        ("tracking", "http://tracking:5000", "http://tracking:5000"),
        ("synthetic_train", "12", 12),
        ("synthetic_test", "6", 6),
        ("backends", "openvino-fp32, frozen", ("openvino-fp32", "frozen")),
        ("seed", "7", 7),
    ],
)
def test_each_setting_has_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
) -> None:
    monkeypatch.setenv(f"LESIONLENS_{name.upper()}", text)

    assert getattr(TrainingSettings(), name) == value
    assert name in NAMES


@pytest.mark.parametrize("name", ["data", "weights"])
def test_an_empty_path_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"LESIONLENS_{name.upper()}", "")

    assert getattr(TrainingSettings(), name) is None


@pytest.mark.parametrize("name", ["backends", "report_recipes", "variants"])
def test_an_empty_list_is_the_default(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"LESIONLENS_{name.upper()}", "")

    assert getattr(TrainingSettings(), name) == TrainingSettings.model_fields[name].default


def test_the_exported_program_is_a_backend_that_must_be_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert {*NUMERICS["float32"]} - {*TrainingSettings().backends} == {EXPORTED}

    monkeypatch.setenv("LESIONLENS_BACKENDS", "exported")
    assert TrainingSettings().backends == (EXPORTED,)


def test_variables_of_the_other_packages_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLENS_MAX_INSTANCES", "4")
    monkeypatch.setenv("LESIONLENS_PORT", "8080")

    assert TrainingSettings() == TrainingSettings.model_construct()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("seed", "x"),
        ("synthetic_train", "2.5"),
        ("sensitivity", "high"),
        ("sensitivity", "95"),
        ("sensitivity", "nan"),
        ("seed", "-1"),
        ("synthetic_train", "-1"),
        ("validation_share", "20"),
        ("validation_share", "0.6"),
        ("alpha_malignant", "1"),
        ("finetune", "layer5"),
        ("report_recipes", "head,layer5"),
        ("report_seeds", "0"),
        ("backends", "fp32,fastest"),
        ("variants", "int8-1px"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(f"LESIONLENS_{name.upper()}", text)

    with pytest.raises(ValidationError) as raised:
        TrainingSettings()
    assert [problem["loc"] for problem in raised.value.errors()] == [(name,)]


@pytest.mark.parametrize(("text", "store"), [("", ""), ("/runs", "/runs")])
def test_runs_are_recorded_where_it_is_said_or_nowhere(
    monkeypatch: pytest.MonkeyPatch, text: str, store: str
) -> None:
    monkeypatch.setenv("LESIONLENS_TRACKING", text)

    assert TrainingSettings().store == store


def test_runs_are_recorded_beside_what_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLENS_BUILD", "/b")

    assert TrainingSettings().store == "/b/mlflow"


def test_recorded_settings_name_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLENS_DATA", "/photographs/of/somebody")

    asked = TrainingSettings().asked()
    assert asked["seed"] == 0
    assert "/" not in "".join(str(value) for value in asked.values())


def test_settings_cannot_be_changed_halfway() -> None:
    with pytest.raises(ValidationError):
        TrainingSettings().seed = 1  # type: ignore[misc]

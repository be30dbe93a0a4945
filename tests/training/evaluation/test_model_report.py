"""The report of a trained model, from measurement to files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.documents import check
from tests.training.runs import quiet
from training import finetune
from training.evaluation import learning_curve, model_report
from training.evaluation.stress import review
from training.evaluation.stress.robustness import CHANGES
from training.evaluation.stress.unsuitable import DRAWN, SPOILT
from training.evaluation.trained import NothingToReportError
from training.settings import TrainingSettings

FEW = 2
"""Synthetic pictures of a kind, here."""
TESTED = 6
"""Test photographs that are perturbed and spoilt, here."""


SAMPLES = ("test_leak_free", "out_of_sample")


def make(settings: TrainingSettings) -> dict[str, Any]:
    table = settings.reports.parent / "named.csv"
    assert settings.data is not None
    names = [path.relative_to(settings.data) for path in sorted(settings.data.rglob("*.jpg"))]
    rows = [f"{name},{'AB'[place % 2]}\n" for place, name in enumerate(names)]
    table.write_text("path,coat\n" + "".join(rows), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(review, "EACH", FEW)
        patch.setattr(model_report, "MOST", TESTED)
        page = model_report.report(settings, quiet(), table)
    document: dict[str, Any] = json.loads((page.parent / "metrics.json").read_text("utf-8"))
    return document


@pytest.fixture(scope="module")
def settings(
    trained: TrainingSettings, tmp_path_factory: pytest.TempPathFactory
) -> TrainingSettings:
    folder = tmp_path_factory.mktemp("reported")
    changes = {"reports": folder, "report_seeds": 1, "tracking": str(folder / "runs")}
    return trained.model_copy(update=changes)


@pytest.fixture(scope="module")
def document(settings: TrainingSettings) -> dict[str, Any]:
    return make(settings)


def test_report_is_written_in_a_folder_named_by_the_model_version(
    settings: TrainingSettings, document: dict[str, Any]
) -> None:
    (folder,) = [path for path in settings.reports.iterdir() if path.name != "runs"]

    assert folder.name == document["model_version"]
    assert {path.name for path in folder.iterdir()} == {
        *("report.html", "metrics.json", "MODEL_CARD.md", "model_card.cdx.json", "plots"),
    }


def test_metrics_have_the_entries_of_their_type(document: dict[str, Any]) -> None:
    check("metrics.json", document)


def test_scores_and_leaks_are_those_of_the_training(
    trained: TrainingSettings, document: dict[str, Any]
) -> None:
    card = json.loads((trained.model_folder / "card.json").read_text("utf-8"))

    assert document["scores"] == card["scores"]
    assert document["data"]["digest"] == card["data"]["digest"]
    assert document["decision"]["threshold"]["value"] == card["threshold"]
    assert document["decision"]["band"] == card["review"]["near_threshold"]
    leaks = json.loads((trained.build / "near_duplicates.json").read_text("utf-8"))
    assert document["leaks"] == leaks


def test_every_disturbance_and_the_cover_are_measured(document: dict[str, Any]) -> None:
    stress = document["stress"]

    assert list(stress) == ["unchanged", *CHANGES]
    for name in CHANGES:
        change = stress[name]["auroc"]["value"] - stress["unchanged"]["auroc"]["value"]
        assert stress[name]["change"]["value"] == pytest.approx(change, abs=2e-4)
        assert 0 <= stress[name]["label_flips"]["value"] <= 1
    low, high = document["covered"]["accepted"]
    assert document["covered"]["leaks"] == (
        not low <= document["covered"]["auroc"]["value"] <= high
    )


def test_every_kind_that_should_be_flagged_is_asked_about(document: dict[str, Any]) -> None:
    caught = document["review"]["caught"]

    assert list(caught) == [*SPOILT, *DRAWN]
    assert [caught[kind]["count"] for kind in SPOILT] == [TESTED] * len(SPOILT)
    assert [caught[kind]["count"] for kind in DRAWN] == [FEW] * len(DRAWN)
    hits = sum(found["count"] * found["caught"]["value"] for found in caught.values())
    total = sum(found["count"] for found in caught.values())
    assert document["review"]["caught_in_all"]["value"] == pytest.approx(hits / total, abs=1e-3)
    assert caught["over-exposed"]["low_quality"] == 1
    assert caught["under-exposed"]["low_quality"] == 1


def test_recipes_are_compared_on_the_same_folds(document: dict[str, Any]) -> None:
    recipes, compared = document["recipes"], document["comparison"]

    assert list(recipes) == ["head", "layer4"]
    assert (compared["better"], compared["than"]) == ("layer4", "head")
    assert (compared["seeds"], compared["photographs"]) == (1, 48)
    one, other = (np.mean(recipes[name]["cross_validation"]["auroc"]) for name in recipes)
    assert compared["difference"]["value"] == pytest.approx(other - one, abs=2e-4)
    assert compared["difference"]["low"] <= compared["difference"]["value"]
    for found in recipes.values():
        assert {len(values) for values in found["test"].values()} == {1}


def test_the_learning_curve_ends_at_what_a_fit_of_all_gives(document: dict[str, Any]) -> None:
    points = document["learning"]["points"]

    assert [point["share"] for point in points] == list(learning_curve.SHARES)
    # Of 48 photographs, each of five folds learns from four fifths.
    assert points[-1]["photographs"] == 38
    assert all(len(point["auroc"]) == len(point["specificity"]) == 1 for point in points)
    assert points[0]["photographs"] < points[-1]["photographs"] / 5


def test_the_groups_are_those_of_the_table(
    settings: TrainingSettings, document: dict[str, Any]
) -> None:
    found = {(one["group"], one["sample"]): one for one in document["groups"]}

    assert set(found) == {(name, sample) for name in ("A", "B") for sample in SAMPLES}
    for sample in SAMPLES:
        counts = [found[name, sample] for name in ("A", "B")]
        whole = document["scores"][sample]
        assert sum(one["count"] for one in counts) == whole["count"]
        assert sum(one["cancers"] for one in counts) == whole["cancers"]
        hits = sum(one["cancers"] * one["sensitivity"]["value"] for one in counts)
        assert hits / whole["cancers"] == pytest.approx(whole["sensitivity"]["value"], abs=1e-3)
    page = next(settings.reports.glob("*/report.html")).read_text("utf-8")
    assert "coat: A" in page
    assert "named.csv" not in page


def test_the_use_is_that_of_both_samples(document: dict[str, Any]) -> None:
    assert document["clinical"]["prevalence"] == 0.02
    for sample in ("test", "out_of_sample"):
        found, scores = document["clinical"][sample], document["scores"][sample]
        place = found["predictive_values"]["prevalence"].index(0.02)
        assert found["predictive_values"]["npv"][place] == scores["npv_at_2_percent"]
        share = scores["cancers"] / scores["count"]
        assert found["net_benefit"]["own"]["prevalence"] == pytest.approx(share, abs=1e-4)


def test_a_second_report_fits_anew_only_what_is_missing_or_damaged(
    settings: TrainingSettings, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it was fitted already")

    folder = next((settings.cache / "fits").glob("*"))
    (folder / "he" / "head-0-0.npy").write_bytes(b"half")
    (folder / "he" / "head-0-final.npy").unlink()
    monkeypatch.setattr(finetune, "optimise", refuse)
    again = make(settings)

    assert again["comparison"] == document["comparison"]
    for name, found in document["recipes"].items():
        assert again["recipes"][name]["test"] == found["test"]
        assert again["recipes"][name]["cross_validation"] == found["cross_validation"]


def test_a_model_of_other_photographs_is_not_reported_on(
    settings: TrainingSettings, write_set: Callable[[Path, int, int], Path], tmp_path: Path
) -> None:
    other = settings.model_copy(update={"data": write_set(tmp_path / "other", 4, 2)})

    with pytest.raises(NothingToReportError, match="trained on other photographs"):
        model_report.report(other, quiet())


def test_missing_file_is_named_in_the_error(settings: TrainingSettings, tmp_path: Path) -> None:
    nothing = settings.model_copy(update={"build": tmp_path})

    with pytest.raises(NothingToReportError, match=r"card\.json is missing.*make train"):
        model_report.report(nothing, quiet())

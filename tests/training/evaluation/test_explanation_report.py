"""``explain-report`` on a small model, from measurement to page."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from handlers.explainers import integrated_gradients
from handlers.explainers.methods import METHODS, Method
from handlers.explainers.task import Attribution, AttributionTask
from tests.documents import check
from tests.training.runs import quiet
from training.evaluation import explanation_report
from training.evaluation.explanations import candidates, cost, curves, examples
from training.evaluation.explanations import document as document_of
from training.evaluation.explanations.controls import CONTROLS
from training.evaluation.explanations.faithfulness import PERTURBED
from training.evaluation.explanations.randomisation import STAGES
from training.evaluation.trained import NothingToReportError
from training.settings import TrainingSettings

TIMED = 3
"""Maps by which a method is warmed up and timed."""
QUICK = ("grad_cam", "saliency")
"""The others take minutes; they have separate tests."""
TRIED = ("grad_cam_8",)
"""Candidates, for the same reason."""


@pytest.fixture(scope="module", autouse=True)
def _few() -> Iterator[None]:
    # Not patch.delitem, which puts methods back at the end: their order is part of the API.
    quick = {name: METHODS[name] for name in QUICK}
    with mock.patch.dict(METHODS, quick, clear=True), pytest.MonkeyPatch.context() as patch:
        tried = {name: candidates.CANDIDATES[name] for name in TRIED}
        patch.setattr(candidates, "CANDIDATES", tried)
        patch.setattr(integrated_gradients, "MOST", integrated_gradients.FIRST)
        patch.setattr(cost, "PHOTOGRAPHS", 1)
        for module in (curves, document_of):
            patch.setattr(module, "SHARES", np.linspace(0, 1, 5))
        patch.setattr(examples, "EACH", 1)
        yield


@pytest.fixture(scope="module")
def settings(
    trained: TrainingSettings, tmp_path_factory: pytest.TempPathFactory
) -> TrainingSettings:
    folder = tmp_path_factory.mktemp("explained")
    changes = {
        "cache": folder / "cache",
        "reports": folder / "reports",
        "tracking": "",
        "explain_photographs": 2,
        "explain_outlined": 1,
        "explain_repeated": 1,
    }
    return trained.model_copy(update=changes)


STOPPED = 7
"""Maps that are made before the first run is interrupted."""


@pytest.fixture(scope="module")
def document(settings: TrainingSettings, asked: list[int]) -> dict[str, Any]:
    """Of a run that was interrupted and went on."""
    with pytest.raises(KeyboardInterrupt), counted(asked, most=STOPPED):
        made(settings)
    with counted(asked):
        return made(settings)


@pytest.fixture(scope="module")
def asked() -> list[int]:
    """How many maps saliency was asked for in each run."""
    return []


@contextmanager
def counted(asked: list[int], most: int = 10**6) -> Iterator[None]:
    """Counts what saliency is asked for; what is too much is interrupted."""
    explain = METHODS["saliency"].explain
    asked.append(0)

    def counting(task: AttributionTask) -> Attribution:
        if asked[-1] == most:
            raise KeyboardInterrupt
        asked[-1] += 1
        return explain(task)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "saliency", Method(counting, slow=False, signed=False))
        yield


def made(settings: TrainingSettings) -> dict[str, Any]:
    page = explanation_report.report(settings, quiet())
    document: dict[str, Any] = json.loads((page.parent / "explanations.json").read_text("utf-8"))
    return document


def test_the_page_is_written_under_the_models_version(
    settings: TrainingSettings, document: dict[str, Any]
) -> None:
    (folder,) = settings.reports.iterdir()

    assert folder.name == document["model_version"]
    assert (folder / "explanations.html").is_file()


def test_measurements_have_the_entries_of_their_type(document: dict[str, Any]) -> None:
    check("explanations.json", document)


def test_every_method_and_control_is_measured_as_configured(document: dict[str, Any]) -> None:
    # The drawn set's masks lie elsewhere than a folder of photographs would have them.
    assert document["asked"] == {
        **{"curves": 2, "masked": 0, "synthetic": 1},
        **{"randomised": 1, "perturbed": 1, "planted": 1, "baselines": 1},
    }
    assert list(document["methods"]) == list(QUICK)
    assert list(document["controls"]) == list(CONTROLS)
    for found in (*document["methods"].values(), *document["controls"].values()):
        for name in ("deletion", "insertion"):
            assert 0 <= found[name]["low"] <= found[name]["value"] <= found[name]["high"] <= 1
        assert found["lesion"]["real"] is None
        for place in (found["lesion"]["synthetic"], found["artefact"]):
            assert 0 <= place["mass"]["value"] <= 1
            assert 0 <= place["pointing"]["value"] <= 1
    for found in document["methods"].values():
        assert found["randomisation"]["stages"] == list(STAGES)
        assert len(found["randomisation"]["correlation"]) == len(STAGES)
        whole = found["randomisation"]["correlation"][-1]["value"]
        assert found["randomisation"]["reacts"] == (whole <= 0.5)
        assert found["cost"]["milliseconds"] > 0
        assert found["max_sensitivity"]["value"] > 0
        assert found["infidelity"]["value"] > 0
        assert found["completeness"] is None
    assert document["area"]["real"] is None
    assert document["area"]["artefact"] == pytest.approx(0.0204)
    assert document["forward_milliseconds"] > 0
    assert 0.5 <= document["planted"]["accuracy"] <= 1


def test_curves_begin_and_end_where_all_maps_agree(document: dict[str, Any]) -> None:
    drawn = dict(document["curves"])
    shares = drawn.pop("shares")

    assert shares == [0, 0.25, 0.5, 0.75, 1]
    assert list(drawn) == [*QUICK, *CONTROLS]
    for name, found in drawn.items():
        first = drawn["random"]
        assert len(found["deletion"]) == len(found["insertion"]) == len(shares)
        assert found["deletion"][0] == found["insertion"][-1] == first["deletion"][0], name
        assert found["deletion"][-1] == found["insertion"][0] == first["insertion"][0], name
        one = {**document["methods"], **document["controls"]}[name]
        trapezoids = sum(found["deletion"]) - (found["deletion"][0] + found["deletion"][-1]) / 2
        assert one["deletion"]["value"] == pytest.approx(trapezoids / 4, abs=2e-4)


def test_differences_are_those_of_the_means(document: dict[str, Any]) -> None:
    for method, against in document["beats"].items():
        for control, both in against.items():
            for name, one in both.items():
                ours = document["methods"][method][name]["value"]
                theirs = document["controls"][control][name]["value"]
                assert one["difference"]["value"] == pytest.approx(ours - theirs, abs=2e-4)


def test_candidates_are_compared_with_controls_and_methods(document: dict[str, Any]) -> None:
    assert list(document["candidates"]) == list(TRIED)
    (found,) = document["candidates"].values()
    assert found["steps"] == 8
    assert list(found["against"]) == [*CONTROLS, "grad_cam"]
    for name, both in found["against"].items():
        for curve, one in both.items():
            theirs = {**document["methods"], **document["controls"]}[name][curve]["value"]
            difference = found[curve]["value"] - theirs
            assert one["difference"]["value"] == pytest.approx(difference, abs=2e-4)


def test_baselines_are_compared_on_completeness_too(document: dict[str, Any]) -> None:
    found = document["baselines"]["integrated_gradients"]

    assert list(found) == ["blurred", "black", "skin"]
    for one in found.values():
        assert 0 <= one["completeness"]["median"] <= one["completeness"]["p95"]


def test_an_interrupted_report_goes_on_and_a_second_one_measures_only_the_cost_again(
    settings: TrainingSettings, document: dict[str, Any], asked: list[int], tmp_path: Path
) -> None:
    with counted(asked):
        again = made(settings.model_copy(update={"tracking": str(tmp_path / "runs")}))

    kept = list(settings.cache.rglob("*-saliency.npy"))
    # A sensitivity takes a map of each disturbed copy; a curve takes none.
    needed = [{"curves": 0, "sensitivity": PERTURBED}.get(path.parts[-3], 1) for path in kept]
    assert asked == [STOPPED, sum(needed) - STOPPED + TIMED, TIMED]
    fresh = ("forward_milliseconds", "plain_forward_milliseconds", "methods")
    for name in set(document) - set(fresh):
        assert again[name] == document[name], name
    for name, found in document["methods"].items():
        assert {**again["methods"][name], "cost": 0} == {**found, "cost": 0}
    assert (tmp_path / "runs" / "mlflow.db").is_file()


def test_the_selected_default_method_is_stated(document: dict[str, Any]) -> None:
    default = {"method": "saliency", "not_beaten": [["edges", "deletion"]]}
    words = explanation_report.conclusion({"default": default})

    assert "picks saliency; it does not beat: edges on deletion" in words
    assert "DEFAULT in handlers/explainers/methods.py is grad_cam: set it to saliency" in words
    all_beaten = explanation_report.conclusion(
        {"default": {"method": "grad_cam", "not_beaten": []}}
    )
    assert all_beaten == "the evidence picks grad_cam; it beats every control"
    assert document["default"]["method"] in QUICK


def test_a_model_of_other_photographs_and_none_at_all_are_not_reported_on(
    settings: TrainingSettings, tmp_path: Path, dotted_set: Path
) -> None:
    with pytest.raises(NothingToReportError, match=r"card\.json is missing.*make train"):
        explanation_report.report(settings.model_copy(update={"build": tmp_path}), quiet())
    with pytest.raises(NothingToReportError, match="trained on other photographs"):
        explanation_report.report(settings.model_copy(update={"data": dotted_set}), quiet())

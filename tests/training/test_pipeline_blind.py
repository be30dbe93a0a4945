"""Nothing is chosen on the photographs of ``test``, and every run is recorded."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.runs import quiet, read, said
from training import features, pipeline, synthetic
from training.settings import TrainingSettings

pytestmark = pytest.mark.slow


Settings = Callable[[Path], TrainingSettings]


@pytest.fixture(scope="module")
def other_test(
    small_set: Path, small_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainingSettings, list[str]]:
    """A run with the same train folder and a test folder that has nothing in common with it.

    Gives its settings and what it did in which order.
    """
    folder = tmp_path_factory.mktemp("other")
    synthetic.draw_set(folder / "drawn", per_class={"train": 0, "test": 6}, size=64, seed=99)
    data = folder / "data"
    (data / "test").mkdir(parents=True)
    (data / "train").symlink_to(small_set / "train")
    for one, other in (("benign", "malignant"), ("malignant", "benign")):  # and labels swapped
        (data / "test" / one).symlink_to(folder / "drawn" / "test" / other)
    settings = small_settings(folder).model_copy(update={"data": data})
    events: list[str] = []

    def watched(photographs: Any, *arguments: Any, **options: Any) -> features.Features:
        names = {photo.path.parents[1].name for photo in photographs}
        events.append(f"features of {' and '.join(sorted(names))}")
        return extract(photographs, *arguments, **options)

    def exported(*arguments: Any) -> float:
        events.append("model written")
        return export(*arguments)

    extract, export = features.extract, pipeline.export.export
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "extract", watched)
        patch.setattr(pipeline.export, "export", exported)
        pipeline.train(settings, quiet())
    return settings, events


def test_the_test_photographs_are_not_looked_at_before_the_model_is_written(
    other_test: tuple[TrainingSettings, list[str]],
) -> None:
    _, events = other_test

    written = events.index("model written")
    assert events[:written] == ["features of train"]
    assert set(events[written + 1 :]) == {"features of test"}


def test_no_choice_depends_on_the_test_folder(
    other_test: tuple[TrainingSettings, list[str]], trained: TrainingSettings
) -> None:
    """Other photographs, other labels: the same model to the last bit, and only other scores."""
    settings, _ = other_test
    ours, theirs = (read(one.model_folder / "card.json") for one in (trained, settings))

    for name in ("model.pt", "baseline.json"):
        one, other = (run.model_folder / name for run in (trained, settings))
        if name == "model.pt":
            states = [torch.jit.load(path).state_dict() for path in (one, other)]
            assert states[0].keys() == states[1].keys()
            assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
        else:
            assert one.read_bytes() == other.read_bytes()
    for name in ("threshold", "temperature", "review", "parameters"):
        assert ours[name] == theirs[name]
    calibrations = [
        {name: found.get("calibration") for name, found in card["backends"]["measured"].items()}
        for card in (ours, theirs)
    ]
    assert calibrations[0] == calibrations[1]
    assert ours["metrics"] != theirs["metrics"]
    assert ours["scores"]["out_of_sample"] == theirs["scores"]["out_of_sample"]


def test_a_run_is_recorded_with_parameters_digest_and_scores(trained: TrainingSettings) -> None:
    summary = read(trained.build / "summary.json")
    (run,) = runs(trained.store)

    assert run.info.status == "FINISHED"
    assert run.data.tags["data_digest"] == summary["data_digest"]
    assert run.data.tags["model_version"] == summary["model_version"]
    assert run.data.params["finetune"] == "head"
    assert run.data.params["C"] == str(summary["parameters"]["C"])
    measured = summary["scores"]["test"]["auroc"]["value"]
    assert run.data.metrics["scores.test.auroc.value"] == pytest.approx(measured)


def test_a_store_that_cannot_be_written_costs_the_record_alone(
    small_settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    changes = {"tracking": str(tmp_path / "file" / "runs"), "backends": ("fp32",)}
    settings = small_settings(tmp_path).model_copy(update=changes)
    report = quiet()
    pipeline.train(settings, report)

    assert (settings.model_folder / "card.json").is_file()
    assert "warning: " in said(report)
    assert str(tmp_path / "file" / "runs") in said(report)


def runs(store: str) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{Path(store).resolve()}/mlflow.db")
        experiment = client.get_experiment_by_name("lesionlens")
        assert experiment is not None
        return list(client.search_runs([experiment.experiment_id]))

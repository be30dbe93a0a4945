"""The complete training, from photographs to the archive, on a small set."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from handlers.classifier import Classifier
from handlers.documents import parse
from handlers.drift import FEATURES, Baseline, image_statistics
from handlers.imaging import centre_view, decode, to_tensor
from tests.documents import check
from tests.training.runs import quiet, read, said
from training import dataset, features, folds, head, near_duplicates, pipeline
from training.answers import Answers
from training.backbone import Backbone
from training.calibration import calibrate
from training.dataset import Dataset
from training.settings import TrainingSettings

Settings = Callable[[Path], TrainingSettings]


@pytest.fixture(scope="module")
def card(trained: TrainingSettings) -> dict[str, Any]:
    return read(trained.model_folder / "card.json")


@pytest.fixture(scope="module")
def summary(trained: TrainingSettings) -> dict[str, Any]:
    return read(trained.build / "summary.json")


def test_the_run_leaves_model_card_baseline_summary_and_archive(
    trained: TrainingSettings,
) -> None:
    built = {
        str(path.relative_to(trained.build))
        for path in trained.build.rglob("*.*")
        if "mlflow" not in path.parts
    }

    assert built == {
        "left_out.txt",
        "summary.json",
        "near_duplicates.json",
        "answers.npz",
        "model/model.pt",
        "model/model.pt2",
        "model/card.json",
        "model/baseline.json",
        "model/openvino.xml",
        "model/openvino.bin",
    } | {f"model/{path.name}" for path in trained.model_folder.glob("openvino-*")}
    assert [path.name for path in trained.archive.iterdir()] == ["melanoma.mar"]


@pytest.mark.parametrize(
    "name", ["model/card.json", "model/baseline.json", "summary.json", "near_duplicates.json"]
)
def test_documents_have_the_entries_of_their_types(trained: TrainingSettings, name: str) -> None:
    check(Path(name).name, read(trained.build / name))


def test_the_card_is_that_of_this_run(
    card: dict[str, Any], found: Dataset, network: Backbone, summary: dict[str, Any]
) -> None:
    assert card["model_version"].startswith("folder-weights-")
    assert card["labels"] == ["no cancer", "cancer"]
    assert card["data"]["digest"] == found.digest
    assert card["data"]["counts"] == found.counts()
    assert card["backbone"]["digest"] == network.digest
    assert 0 < card["threshold"] < 1
    assert card["metrics"]["count"] == len(found.test) == 24
    for name in ("auroc", "sensitivity", "specificity", "brier"):
        score = card["metrics"][name]
        assert 0 <= score["low"] <= score["value"] <= score["high"] <= 1
    for name in ("model_version", "threshold", "temperature", "metrics"):
        assert summary[name] == card[name]
    assert summary["counts"] == found.counts()
    assert summary["largest_difference_to_eager"] <= 1e-5
    assert list(summary["seconds"]) == [
        *("data", "backbone", "features", "compare", "choose", "folds", "fit"),
        *("export", "backends", "variants", "evaluation", "record", "archive"),
    ]


def test_the_baseline_is_read_by_the_handlers_and_of_train_alone(
    trained: TrainingSettings, learned: features.Features
) -> None:
    document = read(trained.model_folder / "baseline.json")
    baseline = parse(document, Baseline, "baseline.json")

    assert set(baseline.drift) == set(FEATURES)
    unit = learned.plain / np.linalg.norm(learned.plain, axis=1, keepdims=True)
    np.testing.assert_allclose(baseline.reference.features, unit, atol=1e-3)
    bins = [int(baseline.bin_of("brightness", float(v))) for v in learned.statistics[:, 0]]
    np.testing.assert_allclose(np.bincount(bins) / len(bins), baseline.drift["brightness"].shares)


def test_a_second_run_gives_the_same_model_and_computes_no_features(
    small_settings: Settings,
    tmp_path: Path,
    trained: TrainingSettings,
    no_forward_pass: Callable[[], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    extract = features.extract

    def from_cache(*arguments: Any, **options: Any) -> features.Features:
        with no_forward_pass():
            return extract(*arguments, **options)

    monkeypatch.setattr(features, "extract", from_cache)
    monkeypatch.setattr(pipeline.export, "parity", lambda *_: {"TorchScript": 0.0})
    settings = small_settings(tmp_path)
    summary = pipeline.train(settings, quiet())

    assert summary["model_version"] == read(trained.build / "summary.json")["model_version"]
    baselines = [one.model_folder / "baseline.json" for one in (settings, trained)]
    assert baselines[0].read_bytes() == baselines[1].read_bytes()
    cards = [read(one.model_folder / "card.json") for one in (settings, trained)]
    for card in cards:  # times differ between runs, and with them the order
        card["backends"]["order"].sort()
        for found in card["backends"]["measured"].values():
            found.pop("forward_ms", None)
        for measured in card["variants"]["measured"].values():
            measured.pop("forward_ms")
            # Whether it is over the budget is a matter of time as well.
            measured.pop("accepted")
            measured.pop("why_not", None)
    assert cards[0] == cards[1]


def test_the_archive_answers_as_the_answers_kept_for_the_report(
    trained: TrainingSettings, unpacked: Path, found: Dataset
) -> None:
    kept = Answers.read(trained.build / "answers.npz")

    classifier = Classifier.load(unpacked)
    views = [centre_view(decode(photo.path.read_bytes())) for photo in found.test]
    forward = classifier.forward(torch.stack([to_tensor(view) for view in views]))
    decisions = classifier.decide(forward, [image_statistics(view) for view in views])

    probabilities = np.array([decision.probability for decision in decisions])
    np.testing.assert_allclose(probabilities, kept.test, atol=1e-5)
    assert np.ptp(kept.test) > 0.3
    called = [decision.label for decision in decisions]
    assert called == [int(value >= classifier.threshold) for value in probabilities]


def test_the_answers_on_train_are_of_fits_that_never_saw_them(
    trained: TrainingSettings, found: Dataset, learned: features.Features
) -> None:
    """One fit a fold, done here by hand."""
    kept = Answers.read(trained.build / "answers.npz")
    labels = dataset.labels(found.train)
    pairs = near_duplicates.find(
        learned.small, learned.plain, lambda places: learned.views[places], lambda *_: None
    )
    groups = near_duplicates.groups(len(labels), pairs)
    chosen = read(trained.model_folder / "card.json")["parameters"]
    views = learned.views[:, : head.AUGMENTATIONS[chosen["augmentation"]]]
    log_odds = np.empty(len(labels))
    for learn, hold in folds.grouped(labels, groups, 5, 0):
        fitted = head.fit(views[learn], labels[learn], chosen["C"])
        log_odds[hold] = fitted.log_odds(views[hold, 0])

    calibrated = calibrate(log_odds, labels, trained.aims)
    np.testing.assert_allclose(kept.train, calibrated.probabilities(log_odds), atol=1e-6)
    assert read(trained.model_folder / "card.json")["threshold"] == calibrated.threshold


def test_the_metrics_are_those_of_the_archive_on_the_test_photographs(
    unpacked: Path, found: Dataset, card: dict[str, Any]
) -> None:
    classifier = Classifier.load(unpacked)
    views = [centre_view(decode(photo.path.read_bytes())) for photo in found.test]
    forward = classifier.forward(torch.stack([to_tensor(view) for view in views]))
    called = classifier.probabilities(forward.logits) >= classifier.threshold
    labels = dataset.labels(found.test)

    assert card["metrics"]["sensitivity"]["value"] == round(float(called[labels == 1].mean()), 4)
    assert card["metrics"]["specificity"]["value"] == round(float((~called[labels == 0]).mean()), 4)


def test_photographs_left_out_are_named_counted_and_recorded(
    dotted_set: Path, tmp_path: Path
) -> None:
    for number in range(13):
        (dotted_set / "train" / "benign" / f"empty{number:02d}.jpg").touch()
    settings = TrainingSettings(data=dotted_set, build=tmp_path / "build")
    report = quiet()
    found = dataset.find(settings, report)

    written = (tmp_path / "build" / "left_out.txt").read_text().splitlines()
    assert len(written) == len(found.left_out) == 13
    assert all("the image is empty" in line for line in written)
    text = said(report)
    assert text.count("left out ") == dataset.SHOWN
    assert "... and 3 more" in text
    assert "test: 3 benign, 3 malignant" in text


def test_a_file_name_that_is_not_utf8_can_be_left_out(dotted_set: Path, tmp_path: Path) -> None:
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    (dotted_set / "train" / "benign" / name).touch()
    settings = TrainingSettings(data=dotted_set, build=tmp_path / "build")

    assert len(dataset.find(settings, quiet()).left_out) == 1

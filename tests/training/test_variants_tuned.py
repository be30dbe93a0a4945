"""Fine-tuned networks have variants, judged by networks fitted without each fold."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from handlers import backends as served
from handlers.backends import UnavailableError
from handlers.classifier import Classifier
from handlers.explainers.methods import METHODS
from handlers.imaging import decode
from handlers.variants import PORTABLE, Variant, fitted
from training import conversion, pipeline, recipes, variants
from training.answers import Answers
from training.backbone import Backbone
from training.calibration import shift
from training.console import RunLog
from training.dataset import Dataset, Photograph, Progress
from training.evaluation.explanations.randomisation import Frozen, network_of, rank_correlation
from training.evaluation.explanations.subjects import Explained
from training.features import Features
from training.finetune import Layer4Recipe
from training.folds import grouped
from training.head import Choice, Head, HeadRecipe
from training.optimise import Plan
from training.perturbations import PERTURBATIONS
from training.settings import Aims, TrainingSettings
from training.tuned import Tuned
from training.variant_features import VariantFeatures
from training.variants import Part

pytestmark = pytest.mark.slow

# Float32: its conversion takes seconds, and only the folds' networks matter here.
TUNED = Variant.named("float32-224px-2stages-2orientations")
AIMS = Aims(sensitivity=0.95, alpha_malignant=0.025, alpha_benign=0.1)
COUNT = 120


@pytest.fixture(scope="module")
def layer4(
    small_settings: Callable[[Path], TrainingSettings], tmp_path_factory: pytest.TempPathFactory
) -> TrainingSettings:
    """Settings of a training of ``layer4`` with a variant that cost may not exclude."""
    own = small_settings(tmp_path_factory.mktemp("layer4"))
    limits = {"auroc_margin": 0.9, "forward_budget": 1000.0}
    settings = own.model_copy(
        update={"finetune": "layer4", "variants": (TUNED.name,), "perturbed": 3, **limits}
    )
    with pytest.MonkeyPatch.context() as patch:
        short = partial(Layer4Recipe, plan=Plan(epochs=1, rate=1e-4))
        patch.setattr(recipes, "Layer4Recipe", short)
        pipeline.train(settings, RunLog())
    return settings


def test_archive_of_a_fine_tuned_network_has_its_variant(layer4: TrainingSettings) -> None:
    card = json.loads((layer4.model_folder / "card.json").read_text())["variants"]
    document = fitted(layer4.model_folder, TUNED)

    assert card["lacking"] == {}
    assert set(card["measured"]) == {TUNED.name, PORTABLE.name}
    assert card["measured"][TUNED.name]["strength"] > 0
    # Original last stage, fitted last stage, stage before.
    assert len(document.weights) == 512 + 512 + 256
    assert np.all(document.weights)


def test_fine_tuned_variant_is_served_as_it_was_judged(
    layer4: TrainingSettings, found: Dataset
) -> None:
    classifier = Classifier.load(layer4.model_folder, "", 1, TUNED.name)
    images = [classifier.preprocess(decode(one.path.read_bytes())) for one in found.test]

    own = [one.decision.probability for one in classifier.classify(images)]

    card = json.loads((layer4.model_folder / "card.json").read_text())
    measured = card["variants"]["measured"][TUNED.name]
    kept = Answers.read(layer4.build / "answers.npz")
    assert classifier.variant == TUNED
    assert classifier.threshold == measured["calibration"]["threshold"]
    if card["variants"]["order"][0] == TUNED.name:
        np.testing.assert_allclose(own, kept.test, atol=1e-3)
    assert roc_auc_score(kept.test_labels, own) == pytest.approx(
        measured["test"]["auroc"]["value"], abs=0.02
    )


def test_without_openvino_the_same_answers_are_computed_by_torchscript(
    layer4: TrainingSettings, found: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def probability() -> float:
        classifier = Classifier.load(layer4.model_folder, "", 1, TUNED.name)
        names.append(classifier.backend.name)
        image = classifier.preprocess(decode(found.test[0].path.read_bytes()))
        (one,) = classifier.classify([image])
        return one.decision.probability

    def missing() -> None:
        raise UnavailableError("the package openvino is not installed")

    names: list[str] = []
    fast = probability()
    monkeypatch.setattr(served, "openvino", missing)

    assert probability() == pytest.approx(fast, abs=1e-4)
    assert names == ["openvino-fp32", "frozen"]


def test_fine_tuned_variant_is_explained_by_its_own_network(
    layer4: TrainingSettings, found: Dataset, tmp_path: Path
) -> None:
    explained = Explained(layer4.model_folder, tmp_path)
    explained.classifier = Classifier.load(layer4.model_folder, "", 1, TUNED.name)
    subject = explained.photograph(found.test[0])

    eager = Frozen(network_of(explained), TUNED).task(subject.inputs, subject.target)
    own = explained.attribution(subject, "grad_cam").values

    assert own.shape == (14, 14)
    assert rank_correlation(own, METHODS["grad_cam"].explain(eager).values) > 0.9


def part(rng: np.random.Generator, told: np.ndarray) -> Part:
    """Features of a network whose fine-tuned ones are the given numbers and noise."""
    rows = rng.normal(size=(COUNT, 2, 12)).astype(np.float32)
    rows[:, :, 4] = told[:, None]
    # Its final layer was fitted together with it, and trusts the first of its features.
    tuned = Tuned(Head(np.array([5.0, 0.0, 0.0, 0.0]), 0.0), 4, frozen=True)
    return Part(VariantFeatures(rows, np.zeros((COUNT, 6), dtype=np.float32)), tuned)


def test_out_of_fold_scores_are_those_of_networks_that_never_saw_the_photograph(
    silent: Progress,
) -> None:
    """The network of all photographs knows their labels by heart; those of the folds do not."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(COUNT) % 2)
    folds = grouped(labels, np.arange(COUNT), 3, 0)
    whole = part(rng, labels - 0.5)
    parts = []
    for learn, _ in folds:
        told = rng.normal(size=COUNT) / 10
        told[learn] = labels[learn] - 0.5
        parts.append(part(rng, told))

    (found,), chosen = variants.fit([TUNED], whole, labels, folds, AIMS, silent, parts)

    assert chosen is not None
    assert roc_auc_score(labels, found.unseen.log_odds) < 0.75
    assert roc_auc_score(labels, found.head.log_odds(whole.features.mean(TUNED))) > 0.95
    # The frozen features' layer is not fitted on the fine-tuned ones.
    np.testing.assert_array_equal(found.head.weights[4:8], [2.5, 0.0, 0.0, 0.0])


def test_wholly_fine_tuned_network_keeps_its_final_layer(silent: Progress) -> None:
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(COUNT) % 2)
    folds = grouped(labels, np.arange(COUNT), 3, 0)
    own = replace(part(rng, labels - 0.5), tuned=Tuned(Head(np.arange(12.0), 3.0), 0, frozen=False))

    (found,), chosen = variants.fit([TUNED], own, labels, folds, AIMS, silent, [own] * 3)

    assert chosen is None
    np.testing.assert_array_equal(found.head.weights, np.arange(12.0))
    # Platt scaling moves the bias, and nothing else.
    assert found.head.bias == pytest.approx(
        3.0 + shift(own.features.mean(TUNED).astype(float) @ np.arange(12.0) + 3, labels)
    )


def test_fold_is_converted_without_its_held_out_photographs(
    small_settings: Callable[[Path], TrainingSettings],
    found: Dataset,
    network: Backbone,
    learned: Features,
    tmp_path: Path,
    silent: Progress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    some = found.train[:6]
    labels = np.asarray([photo.label for photo in found.train])
    recipe = HeadRecipe(network, learned, labels, Choice(0.01, "none", ()))
    folds = [(np.arange(2, 6), np.arange(2)), (np.arange(4), np.arange(4, 6))]
    models = [recipe.fit(np.arange(len(labels)), 0)] * 2
    seen: list[list[Photograph]] = []
    convert = conversion.convert

    def recording(*given: object) -> None:
        seen.append(list(given[4]))  # type: ignore[call-overload]
        convert(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(conversion, "convert", recording)
    upright = Variant.named("float32-224px-1stage-1orientation")

    settings = small_settings(tmp_path).model_copy(update={"cache": tmp_path, "perturbed": 2})
    parts = variants.parts_without(models, [upright], some, folds, settings, silent)

    assert seen == [list(some[2:]), list(some[:4])]
    assert [one.features.orientations.shape for one in parts] == [(6, 1, 512)] * 2
    assert [one.rows.perturbed.after.shape for one in parts if one.rows.perturbed] == [
        (2, len(PERTURBATIONS), 512)
    ] * 2

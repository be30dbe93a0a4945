"""Variants are fitted on the features that serve, chosen, archived and served."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from handlers import backends as served
from handlers.backends import UnavailableError
from handlers.classifier import Classifier
from handlers.explainers.methods import METHODS
from handlers.imaging import decode
from handlers.network import load_torchscript
from handlers.variants import PORTABLE, Variant, path_of
from training import archive, conversion, pipeline, variant_features, variants
from training.answers import Answers
from training.console import RunLog
from training.dataset import Dataset, Progress
from training.evaluation.explanations.randomisation import (
    Frozen,
    cascade,
    network_of,
    rank_correlation,
)
from training.evaluation.explanations.subjects import Explained
from training.folds import grouped
from training.perturbations import PERTURBATIONS, perturbed
from training.settings import TrainingSettings
from training.variant_features import Extractor, VariantFeatures, key_of
from training.variants import Part

pytestmark = pytest.mark.slow

PERTURBED = 5
"""Photographs that are perturbed."""
ONE, TWO = "int8-224px-2stages-1orientation", "int8-224px-2stages-2orientations"


@pytest.fixture(scope="module")
def fitted(
    small_settings: Callable[[Path], TrainingSettings],
    tmp_path_factory: pytest.TempPathFactory,
) -> TrainingSettings:
    """Settings of a training with two variants that cost may not exclude."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversion, "QUANTISED_ON", 8)
        own = small_settings(tmp_path_factory.mktemp("variants"))
        limits = {"auroc_margin": 0.9, "forward_budget": 1000.0}
        changes = {"variants": (ONE, TWO), "perturbed": PERTURBED, **limits}
        settings = own.model_copy(update=changes)
        log = RunLog()
        pipeline.train(settings, log)
        archive.pack(settings, log)
    return settings


@pytest.fixture(scope="module")
def unpacked_variants(fitted: TrainingSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(fitted.archive / "melanoma.mar") as archive:
        archive.extractall(folder)
    return folder


def test_archive_has_every_variant_with_its_evidence(unpacked_variants: Path) -> None:
    card = json.loads((unpacked_variants / "card.json").read_text())["variants"]

    assert set(card["measured"]) == {ONE, TWO, PORTABLE.name}
    assert card["order"][-1] == PORTABLE.name
    for name in (ONE, TWO):
        assert path_of(unpacked_variants, Variant.named(name)).is_file()
        assert card["measured"][name]["test"]["auroc"]["low"] <= 1
    names = {path.name for path in unpacked_variants.glob("openvino*")}
    assert names == {
        f"openvino{kind}{suffix}"
        for kind in ("", "-int8-224px-2stages")
        for suffix in (".xml", ".bin")
    }


@pytest.mark.parametrize("name", [ONE, TWO])
def test_variant_is_served_as_it_was_judged(
    name: str, fitted: TrainingSettings, unpacked_variants: Path, found: Dataset
) -> None:
    """Features, and with them probabilities, are those of the training."""
    classifier = Classifier.load(unpacked_variants, "", 1, name)
    model = load_torchscript(unpacked_variants)
    both = [Variant.named(one) for one in (ONE, TWO)]
    extractor = Extractor(fitted.model_folder, model, both, fitted.cache)
    features = extractor.extract(found.test[:4], lambda *_: None)

    images = [classifier.preprocess(decode(one.path.read_bytes())) for one in found.test[:4]]
    own = np.concatenate([one.forward.features for one in classifier.classify(images)])

    assert classifier.variant.name == name
    np.testing.assert_allclose(own, features.mean(classifier.variant), rtol=1e-3, atol=1e-4)


def test_kept_answers_are_those_of_the_default_variant(
    fitted: TrainingSettings, unpacked_variants: Path, found: Dataset
) -> None:
    card = json.loads((fitted.model_folder / "card.json").read_text())
    classifier = Classifier.load(unpacked_variants, "", 1, card["variants"]["order"][0])
    images = [classifier.preprocess(decode(one.path.read_bytes())) for one in found.test]

    own = [one.decision.probability for one in classifier.classify(images)]

    kept = Answers.read(fitted.build / "answers.npz")
    np.testing.assert_allclose(own, kept.test, atol=1e-3)
    assert classifier.threshold == card["threshold"]


def test_study_explains_the_default_variant_and_a_float32_network_like_it(
    fitted: TrainingSettings, found: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "has_native_int8", lambda: True)
    explained = Explained(fitted.model_folder, tmp_path)
    subject = explained.photograph(found.test[0])
    grad_cam = METHODS["grad_cam"]
    variant = explained.classifier.variant

    float32 = Frozen(network_of(explained), variant).task(subject.inputs, subject.target)
    randomised = dict(cascade(explained, subject))

    own = explained.attribution(subject, "grad_cam").values
    assert variant.name in (ONE, TWO)
    assert own.shape == (14, 14)
    assert rank_correlation(own, grad_cam.explain(float32).values) > 0.9
    assert rank_correlation(own, grad_cam.explain(randomised["stem"]).values) < 0.9


def test_second_training_reads_features_and_quantised_network_from_the_cache(
    fitted: TrainingSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(conversion, "QUANTISED_ON", 8)
    monkeypatch.setattr(conversion, "_quantised", never)
    monkeypatch.setattr(Extractor, "_compute", never)
    monkeypatch.setattr(Extractor, "_compute_changed", never)
    settings = fitted.model_copy(update={"build": tmp_path / "build"})

    pipeline.train(settings, RunLog())

    summary = json.loads((settings.build / "summary.json").read_text())
    first = json.loads((fitted.model_folder / "card.json").read_text())
    own, other = (one["variants"]["measured"][TWO] for one in (summary, first))
    assert own["calibration"] == other["calibration"]


def test_final_layer_is_fitted_without_the_held_out_photographs(
    fitted: TrainingSettings, found: Dataset, silent: Progress
) -> None:
    both = [Variant.named(one) for one in (ONE, TWO)]
    model = load_torchscript(fitted.model_folder)
    features = Extractor(fitted.model_folder, model, both, fitted.cache).extract(
        found.train, silent
    )
    labels = np.asarray([photo.label for photo in found.train])
    folds = grouped(labels, np.arange(len(labels)), 3, 0)

    def log_odds(changed: np.ndarray) -> np.ndarray:
        whole = Part(replace(features, orientations=changed))
        found, _ = variants.fit(both, whole, labels, folds, fitted.aims, silent)
        # Up to the shift, which all photographs have a part in.
        return np.diff(found[1].unseen.log_odds[hold])

    hold = folds[0][1]
    before = log_odds(features.orientations)
    other = features.orientations.copy()
    learn = np.setdiff1d(np.arange(len(labels)), hold)
    other[learn] += np.random.default_rng(0).normal(0, 1, other[learn].shape).astype(np.float32)

    assert np.isfinite(before).all()
    assert not np.allclose(before, log_odds(other))


def test_perturbed_photographs_have_the_features_that_they_would_be_served_with(
    fitted: TrainingSettings, unpacked_variants: Path, found: Dataset, silent: Progress
) -> None:
    both = [Variant.named(one) for one in (ONE, TWO)]
    model = load_torchscript(fitted.model_folder)
    extractor = Extractor(fitted.model_folder, model, both, fitted.cache)
    features = extractor.extract(found.train, silent)
    one = Classifier.load(unpacked_variants, "", 1, ONE)

    result = extractor.perturb(found.train, features, fitted, silent)

    assert result is not None
    assert result.after.shape == (PERTURBED, len(PERTURBATIONS), features.orientations.shape[2])
    np.testing.assert_array_equal(result.before, features.orientations[result.places, 0])
    photograph = found.train[result.places[0]]
    pictures = [
        perturbed(photograph, change, name, fitted.seed) for name, change in PERTURBATIONS.items()
    ]
    served_ones = list(one.classify(map(one.preprocess, pictures)))
    own = np.concatenate([each.forward.features for each in served_ones])
    np.testing.assert_allclose(own, result.after[0], rtol=1e-3, atol=1e-4)


def test_no_photograph_is_perturbed_where_none_is_asked_for(
    fitted: TrainingSettings, found: Dataset, silent: Progress
) -> None:
    model = load_torchscript(fitted.model_folder)
    extractor = Extractor(fitted.model_folder, model, [Variant.named(ONE)], fitted.cache)
    none = VariantFeatures(np.zeros((0, 1, 768), np.float32), np.zeros((0, 6), np.float32))
    settings = fitted.model_copy(update={"perturbed": 0})

    assert extractor.perturb(found.train, none, settings, silent) is None


def test_without_nncf_a_model_is_trained_all_the_same(
    fitted: TrainingSettings, found: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing() -> None:
        raise UnavailableError("the package openvino is not installed")

    monkeypatch.setattr(served, "openvino", missing)
    model = load_torchscript(fitted.model_folder)

    extractors, lacking = variant_features.prepare(
        tmp_path, model, [Variant.named(ONE)], found.train, tmp_path
    )

    assert extractors == {}
    assert lacking == {ONE: "the package openvino is not installed"}


def test_variants_of_one_network_share_an_extractor() -> None:
    assert key_of(Variant.named(ONE)) == key_of(Variant.named(TWO))

"""The card describes the model, and two models never share a version."""

import json
import re
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
import torch

from handlers.card import (
    Card,
    Cases,
    Estimate,
    MeasuredBackend,
    MeasuredVariant,
    OperatingPoint,
    Variants,
)
from handlers.documents import parse, to_json
from handlers.drift import FEATURES, Baseline
from handlers.imaging import PREPROCESSING
from handlers.reference import Reference
from handlers.variants import PORTABLE, FittedVariant
from training import backbone
from training import card as card_module
from training.backbone import Backbone
from training.calibration import Calibration
from training.card import Serving, model_card
from training.cross_fit import Fitted
from training.dataset import Dataset
from training.head import Choice, Head
from training.recipes import Recipe

MEASURED = {
    "fp32": MeasuredBackend(20.0, 0.0, 60, True),
    "openvino-fp32": MeasuredBackend(8.0, 1e-6, 60, True),
    "frozen": MeasuredBackend(4.0, 0.3, 60, False),
    "cuda-fp16": MeasuredBackend(lacking="there is no CUDA device"),
}
INT8 = "int8-224px-2stages-1orientation"
SCORE = Estimate(0.9, 0.8, 0.95)
EVIDENCE = MeasuredVariant(
    OperatingPoint(1.4, 0.3, (0.2, 0.4)), SCORE, SCORE, SCORE, SCORE, 0.02, 5.0, accepted=True
)
SCORES = {
    "test": {"count": 24, "auroc": {"value": 0.9, "low": 0.8, "high": 0.95}},
    "out_of_sample": {"count": 48, "auroc": {"value": 0.85, "low": 0.8, "high": 0.9}},
}
ALWAYS = {"python", "torch", "torchvision", "pillow", "scikit-learn"}
"""What a card names the version of, whatever else is installed."""
CHOICE = Choice(0.01, "flips", (("flips", 0.01, 0.5),))


def never(places: np.ndarray, seed: int) -> Fitted:
    raise AssertionError("a card fits nothing")


CASES = Cases("thumbnails", "0f" * 32)
RECIPE = Recipe("head", never, (), CHOICE, {"C": 0.01, "augmentation": "flips"})


@pytest.fixture
def head() -> Head:
    return Head(np.linspace(-1, 1, 512), 0.25)


@pytest.fixture
def calibration() -> Calibration:
    return Calibration(1.5, 0.31, (0.2, 0.4))


@pytest.fixture
def reference() -> Baseline:
    values = np.random.default_rng(0).random((40, 512))
    columns = {name: values[:, place] for place, name in enumerate(FEATURES)}
    return Baseline.fit(columns, {"distance": (None, 2.0)}, Reference.fit(values))


def serving_of(calibration: Calibration, reference: Baseline) -> Serving:
    document = FittedVariant([0.5] * 768, 0.1, EVIDENCE.calibration, reference)
    variants = Variants([INT8, PORTABLE.name], {INT8: EVIDENCE})
    return Serving(calibration, reference, variants, {INT8: document}, MEASURED, CASES)


def version(
    found: Dataset, network: Backbone, head: Head, calibration: Calibration, reference: Baseline
) -> str:
    card = model_card(found, network, head, RECIPE, serving_of(calibration, reference), SCORES)
    return card.model_version


def test_card_has_the_entries_of_serving_and_readers(
    found: Dataset, network: Backbone, head: Head, calibration: Calibration, reference: Baseline
) -> None:
    document = to_json(
        model_card(found, network, head, RECIPE, serving_of(calibration, reference), SCORES)
    )

    assert document["labels"] == ["no cancer", "cancer"]
    assert document["threshold"] == 0.31
    assert document["temperature"] == 1.5
    assert document["review"] == {"near_threshold": [0.2, 0.4]}
    assert document["preprocessing"] == PREPROCESSING
    assert document["data"] == {
        "source": "folder",
        "digest": found.digest,
        "counts": found.counts(),
        "left_out": 0,
        "colour_profiles": {},
    }
    assert document["backbone"] == {"source": "weights", "digest": network.digest}
    assert document["metrics"] == SCORES["test"]
    assert document["scores"] == SCORES
    assert document["prevalence"] == 0.5
    assert document["cases"] == {"shown": "thumbnails", "sha256": CASES.sha256}
    assert document["finetune"] == "head"
    assert document["parameters"] == {"C": 0.01, "augmentation": "flips"}
    assert document["versions"]["torch"].startswith(torch.__version__.split("+")[0])
    assert set(document["versions"]) == {*ALWAYS, "openvino", "nncf"}
    assert document["backends"]["order"] == ["openvino-fp32", "fp32"]
    assert document["variants"]["order"] == [INT8, "float32-224px-1stage-upright"]
    assert document["variants"]["measured"][INT8]["calibration"] == {
        "temperature": 1.4,
        "threshold": 0.3,
        "near_threshold": [0.2, 0.4],
    }
    assert document["backends"]["measured"]["cuda-fp16"] == {
        "photographs": 0,
        "passes": False,
        "lacking": "there is no CUDA device",
    }
    assert "Not a medical device" in document["warning"]
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert to_json(parse(document, Card, "card.json")) == document


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("head", "frozen, with"),
        ("layer4", "a fitted layer4 in parallel to it"),
        ("all", "18, fitted"),
    ],
)
def test_card_names_the_fine_tuned_part(
    found: Dataset,
    network: Backbone,
    head: Head,
    calibration: Calibration,
    reference: Baseline,
    name: str,
    words: str,
) -> None:
    recipe = replace(RECIPE, name=name)
    document = to_json(
        model_card(found, network, head, recipe, serving_of(calibration, reference), SCORES)
    )

    assert document["finetune"] == name
    assert words in document["architecture"]


@pytest.mark.parametrize("data", ["folder", "kaggle", "synthetic"])
@pytest.mark.parametrize("weights", ["weights", "imagenet", "untrained"])
def test_the_version_names_data_and_weights(
    found: Dataset,
    network: Backbone,
    head: Head,
    calibration: Calibration,
    reference: Baseline,
    data: str,
    weights: str,
) -> None:
    named = version(
        replace(found, source=data), replace(network, source=weights), head, calibration, reference
    )

    assert re.fullmatch(rf"{data}-{weights}-[0-9a-f]{{8}}", named)


def test_packages_that_training_goes_without_are_not_named(
    found: Dataset,
    network: Backbone,
    head: Head,
    calibration: Calibration,
    reference: Baseline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def installed(name: str) -> str:
        if name in ("openvino", "nncf"):
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(card_module, "version", installed)
    document = to_json(
        model_card(found, network, head, RECIPE, serving_of(calibration, reference), SCORES)
    )

    assert set(document["versions"]) == ALWAYS


def test_the_same_model_has_the_same_version_wherever_its_files_lie(
    found: Dataset, network: Backbone, head: Head, calibration: Calibration, reference: Baseline
) -> None:
    moved = replace(
        found,
        train=tuple(replace(photo, path=Path("/elsewhere")) for photo in found.train[::-1]),
        left_out=((Path("x"), "empty"),),
    )

    assert version(moved, network, head, calibration, reference) == version(
        found, network, head, calibration, reference
    )


def test_whatever_decides_an_answer_changes_the_version(
    found: Dataset,
    network: Backbone,
    head: Head,
    calibration: Calibration,
    reference: Baseline,
    weights_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = backbone.load(weights_file, 0, pytest.fail)
    with torch.no_grad():
        other.network.bn1.bias += 1e-3
    moved = replace(found, train=found.train[1:], test=(*found.test, found.train[0]))
    versions = [
        version(found, network, head, calibration, reference),
        version(moved, network, head, calibration, reference),
        version(found, other, head, calibration, reference),
        version(found, network, replace(head, weights=head.weights + 1e-9), calibration, reference),
        version(found, network, replace(head, bias=0.2500001), calibration, reference),
        version(found, network, head, replace(calibration, temperature=1.50001), reference),
        version(found, network, head, replace(calibration, threshold=0.310001), reference),
    ]
    monkeypatch.setattr(card_module, "PREPROCESSING", {**PREPROCESSING, "crop": "none"})
    versions.append(version(found, network, head, calibration, reference))

    assert len(set(versions)) == len(versions)


def test_change_of_a_review_limit_changes_the_model_version(
    found: Dataset, network: Backbone, head: Head, calibration: Calibration, reference: Baseline
) -> None:
    versions = {
        version(found, network, head, calibration, reference),
        version(found, network, head, replace(calibration, near_threshold=(0.1, 0.6)), reference),
        version(
            found, network, head, calibration, replace(reference, limits={"distance": (None, 3.0)})
        ),
    }

    assert len(versions) == 3


def test_a_variants_fit_changes_the_version_and_its_cost_does_not(
    found: Dataset, network: Backbone, head: Head, calibration: Calibration, reference: Baseline
) -> None:
    own = serving_of(calibration, reference)

    def with_variant(document: dict[str, object], **measured: object) -> str:
        variants = replace(own.variants, measured={INT8: replace(EVIDENCE, **measured)})
        documents = {INT8: replace(own.documents[INT8], **document)}
        serving = replace(own, variants=variants, documents=documents)
        return model_card(found, network, head, RECIPE, serving, SCORES).model_version

    assert with_variant({}, forward_ms=30.0) == with_variant({})
    versions = {
        with_variant({}),
        with_variant({"bias": 0.100001}),
        with_variant({}, calibration=OperatingPoint(1.4, 0.300001, (0.2, 0.4))),
    }
    assert len(versions) == 3


def test_the_order_of_variants_changes_the_version(
    found: Dataset, network: Backbone, head: Head, calibration: Calibration, reference: Baseline
) -> None:
    own = serving_of(calibration, reference)
    other = replace(own, variants=replace(own.variants, order=[PORTABLE.name]))

    one, two = (
        model_card(found, network, head, RECIPE, serving, SCORES).model_version
        for serving in (own, other)
    )
    assert one != two

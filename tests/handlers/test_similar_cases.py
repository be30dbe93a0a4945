"""Test explanations by similar training photographs."""

import base64
import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from captum.influence import SimilarityInfluence
from torch import nn
from torch.utils.data import Dataset

from handlers.card import ArchiveError
from handlers.classifier import Classifier
from handlers.imaging import decode
from handlers.protocol import RawRequest
from handlers.reference import NEIGHBOUR, Reference
from handlers.service import MelanomaService
from handlers.settings import HandlerSettings
from handlers.similar_cases import COUNT, FILE
from handlers.telemetry import Recorder
from tests.handlers.conftest import LESIONS

Photograph = Callable[[int, int], bytes]


def ask(classifier: Classifier, photograph: bytes) -> tuple[int, dict[str, Any]]:
    """Status and document of an answer by similar cases."""
    service = MelanomaService(classifier, HandlerSettings())
    (answer,) = service.answer(
        [RawRequest(photograph, "explain", method="similar_cases")], Recorder("v1")
    )
    return answer.status, json.loads(answer.body)


class Rows(Dataset[torch.Tensor]):
    """Features as a data set."""

    def __init__(self, features: np.ndarray) -> None:
        self.features = torch.from_numpy(features)

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.features[index]


def test_an_answer_has_the_prediction_and_the_nearest_training_photographs(
    classifier: Classifier, photograph: Photograph
) -> None:
    service = MelanomaService(classifier, HandlerSettings())
    image = photograph(3, 1)
    predicted, explained = (
        json.loads(answer.body)
        for answer in service.answer(
            [
                RawRequest(image, "predict"),
                RawRequest(image, "explain", method="similar_cases", target="predicted"),
            ],
            Recorder("v1"),
        )
    )

    assert explained == predicted | {"method": "similar_cases", "cases": explained["cases"]}
    assert len(explained["cases"]) == COUNT
    assert all(set(case) == {"label", "distance"} for case in explained["cases"])
    assert {case["label"] for case in explained["cases"]} <= {"cancer", "no cancer"}
    distances = [case["distance"] for case in explained["cases"]]
    assert distances == sorted(distances)
    picture = classifier.preprocess(decode(image))
    (found,) = classifier.classify([picture])
    assert distances[NEIGHBOUR - 1] == pytest.approx(found.decision.distance, abs=1e-6)


@pytest.mark.parametrize("label", [0, 1])
def test_a_training_photograph_is_nearest_to_itself(
    label: int, classifier: Classifier, training_features: np.ndarray
) -> None:
    place = label * LESIONS // 2

    fields = classifier.cases.fields(training_features[place])

    nearest = fields["cases"][0]
    assert nearest["label"] == ("no cancer", "cancer")[label]
    assert nearest["distance"] == pytest.approx(0, abs=1e-3)


def test_captums_similarity_influence_ranks_alike(
    classifier: Classifier, training_features: np.ndarray, tmp_path: Path
) -> None:
    new = np.abs(np.random.default_rng(0).normal(size=training_features.shape[1]))
    asked = (training_features[5] + 0.1 * new).astype(np.float32)
    # Of two layers: with one, Captum 0.8 fails on its own list of activations.
    network = nn.Sequential(nn.Identity(), nn.Identity())
    influence = SimilarityInfluence(
        network, ["0", "1"], Rows(training_features), str(tmp_path), "m", batch_size=8
    )

    places, similarities = influence.influence(torch.from_numpy(asked)[None], top_k=COUNT)["0"]

    own, distances = classifier.baseline.reference.nearest(asked, COUNT)
    assert set(own) == set(places[0].tolist())  # half precision may swap two that are equally near
    assert distances == pytest.approx(1 - similarities[0].numpy(), abs=2e-4)


def test_an_archive_without_labels_says_what_to_do(
    classifier: Classifier, photograph: Photograph
) -> None:
    known = classifier.baseline
    older = dataclasses.replace(known, features=Reference(known.reference.features).encoded())

    status, answer = ask(Classifier(classifier.model, classifier.card, older), photograph(3, 1))

    assert status == 400
    assert "train again" in answer["error"]


@pytest.fixture
def with_thumbnails(model_folder: Path, tmp_path: Path) -> Callable[[list[str]], Path]:
    """Copy the archive, with thumbnails that its card describes."""

    def make(jpeg: list[str]) -> Path:
        folder = tmp_path / "model"
        shutil.copytree(model_folder, folder)
        text = json.dumps({"side": 96, "jpeg": jpeg})
        (folder / FILE).write_text(text, encoding="utf-8")
        card = json.loads((folder / "card.json").read_text("utf-8"))
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        card["cases"] = {"shown": "thumbnails", "sha256": sha256}
        (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
        return folder

    return make


def names(count: int) -> list[str]:
    """A different text for each training photograph."""
    return [base64.b64encode(b"\xff\xd8 %d" % number).decode() for number in range(count)]


def test_thumbnails_of_the_archive_come_with_their_photographs(
    with_thumbnails: Callable[[list[str]], Path], training_features: np.ndarray
) -> None:
    classifier = Classifier.load(with_thumbnails(names(LESIONS)))

    cases = classifier.cases.fields(training_features[7])["cases"]

    assert cases[0]["thumbnail"] == names(LESIONS)[7]
    assert len({case["thumbnail"] for case in cases}) == COUNT


def test_thumbnails_other_than_the_cards_are_not_served(
    with_thumbnails: Callable[[list[str]], Path],
) -> None:
    folder = with_thumbnails(names(LESIONS))
    with (folder / FILE).open("a") as stream:
        stream.write(" ")

    with pytest.raises(ArchiveError, match=r"not the file that card\.json describes"):
        Classifier.load(folder)


def test_number_of_thumbnails_must_equal_that_of_photographs(
    with_thumbnails: Callable[[list[str]], Path],
) -> None:
    with pytest.raises(ArchiveError, match="one thumbnail for each training photograph"):
        Classifier.load(with_thumbnails(names(LESIONS - 1)))

"""The model of an archive and its decision."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from handlers.card import ArchiveError, Card
from handlers.classifier import Classifier
from handlers.documents import parse, to_json
from handlers.drift import STATISTICS, image_statistics
from handlers.imaging import centre_view, to_tensor
from handlers.labels import CANCER, LABELS
from handlers.prediction import Decision, Forward
from training.export import SplitResNet

ORDINARY = dict.fromkeys(STATISTICS, 0.2) | {"clipped": 0.0}


@pytest.fixture(scope="module")
def views(drawn: Callable[..., Image.Image]) -> list[Image.Image]:
    return [centre_view(drawn(200 + place, place % 2)) for place in range(6)]


@pytest.fixture(scope="module")
def inputs(views: list[Image.Image]) -> torch.Tensor:
    return torch.stack([to_tensor(view) for view in views])


@pytest.fixture
def decide(classifier: Classifier) -> Callable[..., Decision]:
    """A decision over made-up log-odds and statistics, with the card's entries replaced."""

    def one(
        log_odds: float, statistics: dict[str, float] | None = None, away: float = 0, **card: Any
    ) -> Decision:
        own = parse(to_json(classifier.card) | card, Card, "card.json")
        changed = Classifier(classifier.model, own, classifier.baseline)
        features = torch.from_numpy(at(away)).float()
        activations = features.view(1, 512, 1, 1).expand(1, 512, 7, 7)
        logits = torch.tensor([[-log_odds / 2, log_odds / 2]])
        (decision,) = changed.decide(Forward(activations, logits), [ORDINARY | (statistics or {})])
        return decision

    def at(share: float) -> np.ndarray:
        """Features at this share of the limit of the distance."""
        reference = classifier.baseline.reference
        limit = classifier.baseline.limits["distance"][1]
        assert limit is not None
        one, opposite = reference.features[0], -reference.features.mean(axis=0)
        low, high = 0.0, 0.7
        for _ in range(60 if share else 0):
            middle = (low + high) / 2
            found = reference.distance(((1 - middle) * one + middle * opposite)[None])[0]
            low, high = (middle, high) if found < share * limit else (low, middle)
        return np.asarray((1 - low) * one + low * opposite)

    return one


def test_the_archive_carries_card_and_baseline(classifier: Classifier) -> None:
    assert classifier.version == "synthetic-untrained-0123abcd"
    assert (classifier.threshold, classifier.temperature) == (0.48, 1.25)
    assert not classifier.model.training


@pytest.mark.parametrize("name", ["model.pt", "card.json", "baseline.json"])
def test_a_missing_file_is_named_and_how_to_mend_it(
    name: str, model_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "archive")
    (folder / name).unlink()

    with pytest.raises(ArchiveError, match=f"(?s){name}.*build it again with `make archive`"):
        Classifier.load(folder)


@pytest.mark.parametrize("name", ["model.pt", "card.json", "baseline.json"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[]", b"{}", b"null"])
def test_a_damaged_file_is_an_archive_error(
    name: str, content: bytes, model_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "archive")
    (folder / name).write_bytes(content)

    with pytest.raises(ArchiveError, match="build it again with `make archive`") as caught:
        Classifier.load(folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        *(("card.json", key) for key in ("model_version", "threshold", "temperature", "review")),
        *(("baseline.json", key) for key in ("drift", "limits", "features")),
    ],
)
def test_a_missing_entry_is_named(
    name: str, entry: str, model_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "archive")
    document = json.loads((folder / name).read_text())
    del document[entry]
    (folder / name).write_text(json.dumps(document))

    with pytest.raises(ArchiveError, match=f"{name} has no '{entry}'"):
        Classifier.load(folder)


def test_half_a_model_is_an_archive_error(model_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "archive")
    whole = (folder / "model.pt").read_bytes()
    (folder / "model.pt").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(ArchiveError, match="build it again"):
        Classifier.load(folder)


def test_forward_is_the_eager_model(
    classifier: Classifier, eager: SplitResNet, inputs: torch.Tensor
) -> None:
    with torch.inference_mode():
        activations = eager.features(inputs)

    forward = classifier.forward(inputs)

    assert forward.activations.shape == (6, 512, 7, 7)
    torch.testing.assert_close(forward.activations, activations, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(forward.logits, eager(inputs), atol=1e-4, rtol=1e-4)
    assert not forward.logits.requires_grad
    np.testing.assert_allclose(forward.features, activations.mean(dim=(2, 3)).numpy(), atol=1e-5)


def test_probabilities_are_a_softmax_at_the_temperature(classifier: Classifier) -> None:
    logits = torch.tensor([[0.0, 0.0], [-1.25, 1.25], [2.0, -3.0], [50.0, -50.0]])
    wanted = 1 / (1 + np.exp([0.0, -2.0, 4.0, 80.0]))

    found = classifier.probabilities(logits)

    assert found.shape == (4,)
    assert found == pytest.approx(wanted, abs=5.1e-7)
    assert found.tolist() == [round(value, 6) for value in found.tolist()]


def test_the_size_of_a_batch_does_not_change_an_answer(
    classifier: Classifier, eager: SplitResNet, training_features: np.ndarray
) -> None:
    # The final layer alone, on many: a last bit shows in the sixth digit of few.
    spread = np.random.default_rng(0).uniform(0.8, 1.2, (10, *training_features.shape))
    features = torch.from_numpy(training_features * spread).float().view(-1, 512, 1, 1)
    model = SplitResNet(torch.nn.Identity(), eager.head[2])
    own = Classifier(model, classifier.card, classifier.baseline)

    alone, together = (
        np.concatenate([own.probabilities(own.forward(x).logits) for x in features.split(size)])
        for size in (1, 8)
    )

    assert np.flatnonzero(alone != together).tolist() == []


def test_decisions_are_those_of_each_photograph(
    classifier: Classifier, views: list[Image.Image], inputs: torch.Tensor
) -> None:
    forward = classifier.forward(inputs)
    decisions = classifier.decide(forward, [image_statistics(view) for view in views])

    probabilities = classifier.probabilities(forward.logits)
    distances = classifier.baseline.reference.distance(forward.features)
    assert [decision.probability for decision in decisions] == probabilities.tolist()
    assert [decision.distance for decision in decisions] == distances.tolist()
    # Both answers occur, or the labels would prove nothing.
    labels = [decision.label for decision in decisions]
    assert labels == [int(value >= 0.48) for value in probabilities]
    assert set(labels) == {0, CANCER}


@pytest.mark.parametrize(
    ("threshold", "label"), [(0.5, "cancer"), (0.500001, "no cancer"), (0.499999, "cancer")]
)
def test_a_probability_at_the_threshold_is_cancer(
    threshold: float, label: str, decide: Callable[..., Decision]
) -> None:
    decision = decide(0.0, threshold=threshold)

    assert decision.probability == 0.5
    assert LABELS[decision.label] == label


@pytest.mark.parametrize(
    ("case", "reasons"),
    [
        ({"log_odds": 3.0}, ()),
        ({"log_odds": 0.0, "review": {"near_threshold": [0.4, 0.6]}}, ("near_threshold",)),
        ({"log_odds": 0.0, "review": {"near_threshold": [0.5, 0.5]}}, ("near_threshold",)),
        ({"log_odds": 0.0, "review": {"near_threshold": [0.51, 0.6]}}, ()),
        ({"log_odds": 3.0, "away": 0.98}, ()),
        ({"log_odds": 3.0, "away": 1.02}, ("unlike_training_data",)),
        ({"log_odds": 3.0, "statistics": {"exposure": 0.01}}, ("low_quality",)),
        ({"log_odds": 3.0, "statistics": {"exposure": 0.97}}, ("low_quality",)),
        ({"log_odds": 3.0, "statistics": {"focus": -6.5}}, ("low_quality",)),
        # What surrounds the lesion is a matter of the instrument.
        ({"log_odds": 3.0, "statistics": {"brightness": 0.01, "sharpness": -8}}, ()),
        ({"log_odds": 3.0, "statistics": {"clipped": 0.4}}, ("low_quality",)),
        (
            {
                "log_odds": 0.0,
                "review": {"near_threshold": [0.4, 0.6]},
                "away": 2,
                "statistics": {"focus": -7},
            },
            ("near_threshold", "unlike_training_data", "low_quality"),
        ),
    ],
)
def test_a_person_is_asked_for_with_the_reasons(
    case: dict[str, Any], reasons: tuple[str, ...], decide: Callable[..., Decision]
) -> None:
    decision = decide(**case)

    assert decision.reasons == reasons
    assert decision.review is bool(reasons)

"""Example photographs are selected by digest and shown with their predictions."""

from collections import Counter
from unittest import mock

import numpy as np
import pytest

from handlers.explainers.methods import METHODS
from handlers.prediction import Decision
from training.dataset import CLASSES, Dataset, Progress
from training.evaluation.explanations import examples
from training.evaluation.explanations.examples import KINDS, Example, kind_of
from training.evaluation.explanations.subjects import Explained


@pytest.mark.parametrize(
    ("review", "answer", "label", "kind"),
    [
        (False, 1, 1, "correct"),
        (False, 0, 0, "correct"),
        (False, 0, 1, "wrong"),
        (False, 1, 0, "wrong"),
        (True, 1, 1, "flagged"),
        (True, 0, 1, "flagged"),
    ],
)
def test_an_answer_is_of_one_kind(review: bool, answer: int, label: int, kind: str) -> None:
    decision = Decision(probability=0.5, label=answer, review=review, reasons=(), distance=0.0)

    assert kind_of(decision, label) == kind


@pytest.fixture
def shown(
    explained: Explained,
    found: Dataset,
    silent: Progress,
) -> list[Example]:
    quick = {name: METHODS[name] for name in ("grad_cam", "saliency")}
    # Not monkeypatch.delitem, which puts methods back at the end: their order is part of the API.
    with mock.patch.dict(METHODS, quick, clear=True):
        return examples.examples(explained, found.test, silent)


def test_there_are_at_most_two_of_a_kind_and_label(shown: list[Example]) -> None:
    counts = Counter((one.kind, one.label) for one in shown)

    assert shown
    assert max(counts.values()) <= examples.EACH
    order = [(kind, label) for kind in KINDS for label in CLASSES]
    assert [order.index(one) for one in counts] == sorted(order.index(one) for one in counts)


def test_an_example_has_its_prediction_and_every_method(
    shown: list[Example],
) -> None:
    for one in shown:
        assert (one.answer == "cancer") == (one.probability >= one.threshold)
        assert bool(one.reasons) == (one.kind == "flagged")
        assert one.target == ("cancer" if one.probability > 0.5 else "no cancer")
        assert list(one.maps) == ["grad_cam", "saliency"]
        original = np.asarray(one.original)
        for name, found in one.maps.items():
            overlay = found.overlay
            assert (overlay.mode, overlay.size) == ("RGB", (224, 224))
            assert not np.array_equal(np.asarray(overlay), original)
            assert found.signed == METHODS[name].signed
            assert found.scale > 0
        assert one.maps["grad_cam"].shape == (7, 7)

"""The study runs the model as the service does."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from handlers.explainers.methods import METHODS
from handlers.explainers.task import Attribution, AttributionTask
from training.dataset import Dataset
from training.evaluation.explanations.subjects import Explained, Subject

Draw = Callable[..., Subject]


def test_the_class_of_the_larger_probability_is_explained(
    explained: Explained, found: Dataset
) -> None:
    targets = set()
    for subject in explained.photographs(found.test):
        assert float(explained.probability(subject.inputs, subject.target)[0]) >= 0.5
        targets.add(subject.target)
    assert targets == {0, 1}


def test_the_probabilities_of_both_classes_are_calibrated_and_add_up(
    explained: Explained, subject: Draw
) -> None:
    inputs = torch.cat([subject(0).inputs, subject(1).inputs])
    benign, cancer = (explained.probability(inputs, target) for target in (0, 1))

    assert benign + cancer == pytest.approx([1, 1])
    assert np.array_equal(cancer, explained.classifier.probabilities(explained.logits(inputs)))


@pytest.mark.parametrize("method", ["saliency", "smooth_grad"])
def test_a_question_goes_to_the_trained_model(
    explained: Explained, subject: Draw, method: str
) -> None:
    asked = subject(0)
    task = explained.task(asked.inputs, asked.target, METHODS[method])
    with torch.inference_mode():
        assert torch.allclose(task.logits(asked.inputs), explained.model(asked.inputs), atol=1e-4)
        # The activations are those of the backend, which may round otherwise.
        assert torch.equal(task.model.head(task.activations), explained.logits(asked.inputs))


def test_a_map_is_made_once_and_keeps_all_that_was_answered(
    explained: Explained, subject: Draw
) -> None:
    task = explained.task(subject(0).inputs, 1, METHODS["grad_cam"])
    asked: list[AttributionTask] = []

    def explain(task: AttributionTask) -> Attribution:
        asked.append(task)
        return Attribution(np.eye(7, dtype=np.float32), 12, 0.25 if len(asked) == 1 else None)

    first = explained.attributed("one", explain, lambda: task)
    again = explained.attributed("one", explain, lambda: task)
    other = explained.attributed("other", explain, lambda: task)

    assert len(asked) == 2
    for found in (first, again):
        assert np.array_equal(found.values, np.eye(7))
        assert (found.steps, found.convergence_delta) == (12, 0.25)
    assert other.convergence_delta is None


def test_maps_of_both_targets_are_kept_apart(explained: Explained, subject: Draw) -> None:
    benign, cancer = (
        explained.attribution(subject(0, target), "grad_cam").values for target in (0, 1)
    )

    assert not np.allclose(benign, cancer)
    direct = METHODS["grad_cam"].explain(explained.task(subject(0).inputs, 1, METHODS["grad_cam"]))
    assert np.allclose(cancer, direct.values)

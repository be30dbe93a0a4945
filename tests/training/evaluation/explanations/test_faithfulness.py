"""Captum's infidelity and max-sensitivity, on models whose right map is known."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from handlers.explainers.pixels import blurred, summed
from training.evaluation.explanations.faithfulness import Disturbed, max_sensitivity, spread
from training.evaluation.explanations.subjects import Subject

Draw = Callable[..., Subject]
Logits = Callable[[torch.Tensor], torch.Tensor]


def exact(subject: Subject) -> np.ndarray:
    """What each place's details add to the logit of ``reads_corner``."""
    share = torch.zeros_like(subject.inputs)
    share[:, :, :112, :112] = 1 / (3 * 112**2)
    return summed((subject.inputs - blurred(subject.inputs)) * share, 28)


def test_the_exact_map_of_a_linear_model_has_no_infidelity(
    subject: Draw, reads_corner: Logits
) -> None:
    values = exact(subject(0))
    disturbed = Disturbed(subject(0), reads_corner)

    assert disturbed.infidelity(values) == pytest.approx(0, abs=1e-4)
    assert disturbed.infidelity(1000 * values) == pytest.approx(0, abs=1e-4)


def test_an_empty_map_has_an_infidelity_of_1(subject: Draw, reads_corner: Logits) -> None:
    disturbed = Disturbed(subject(0), reads_corner)
    elsewhere = np.random.default_rng(0).normal(size=(28, 28)).astype(np.float32)
    elsewhere[:14, :14] = 0

    assert disturbed.infidelity(np.zeros((28, 28), dtype=np.float32)) == pytest.approx(1)
    assert 0.6 < disturbed.infidelity(elsewhere) <= 1


def test_the_other_class_is_foretold_by_the_reverse_map(
    subject: Draw, reads_corner: Logits
) -> None:
    one = Disturbed(subject(0, 1), reads_corner)
    other = Disturbed(subject(0, 0), reads_corner)

    assert one.infidelity(exact(subject(0))) == pytest.approx(
        other.infidelity(-exact(subject(0))), abs=1e-4
    )


def test_a_map_that_never_changes_is_not_sensitive(subject: Draw) -> None:
    values = np.ones((7, 7), dtype=np.float32)

    assert max_sensitivity(subject(0), values, lambda _: values) == 0


def test_sensitivity_is_the_largest_relative_change(subject: Draw) -> None:
    values = np.full((2, 2), 3.0, dtype=np.float32)
    answers = iter([values, values * 1.5, values * 0.75])

    found = max_sensitivity(subject(0), values, lambda _: next(answers))
    assert found == pytest.approx(0.5)


def test_the_disturbance_is_small_and_the_same_for_every_method(subject: Draw) -> None:
    seen: list[torch.Tensor] = []

    def explain(inputs: torch.Tensor) -> np.ndarray:
        assert torch.is_grad_enabled()
        seen.append(inputs)
        return np.ones((7, 7), dtype=np.float32)

    for _ in range(2):
        max_sensitivity(subject(0), np.ones((7, 7), dtype=np.float32), explain)
    assert len(seen) == 6
    for one, other in zip(seen[:3], seen[3:], strict=True):
        assert torch.equal(one, other)
        assert one.shape == subject(0).inputs.shape
        assert 0 < float((one - subject(0).inputs).abs().max()) <= 0.0201


@pytest.mark.parametrize("side", [7, 8, 28, 56])
def test_a_map_is_spread_evenly_and_keeps_its_sum(side: int) -> None:
    values = np.random.default_rng(side).normal(size=(side, side)).astype(np.float32)
    pixels = spread(values)

    assert pixels.shape == (1, 3, 224, 224)
    assert summed(pixels, side) == pytest.approx(values, abs=1e-4)
    assert float(pixels[0, 0].std()) == pytest.approx(float(pixels[0, 2].std()))

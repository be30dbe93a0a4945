"""How the study evaluates the completeness of a method."""

import numpy as np
import pytest

from handlers.explainers.task import Attribution
from training.evaluation.explanations.study import incompleteness


@pytest.mark.parametrize(
    ("total", "delta", "missed"),
    [(2.02, 0.02, 0.01), (1.9, -0.1, 0.05), (-2.02, -0.02, 0.01), (3.0, 0.0, 0.0)],
)
def test_incompleteness_is_relative_to_the_difference_of_the_logits(
    total: float, delta: float, missed: float
) -> None:
    values = np.full((28, 28), total / 28**2, dtype=np.float32)

    assert incompleteness(Attribution(values, 20, delta)) == pytest.approx(missed, abs=1e-6)

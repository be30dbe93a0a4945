"""Test the time budget of an explanation and its steps."""

import pytest
import torch

from handlers.explainers.task import Budget, OutOfTimeError
from tests.handlers.explainers.known import Linear, ask, ticking


def test_budget_is_spent_exactly_at_its_end() -> None:
    budget = Budget(3, ticking())

    for _ in range(3):
        budget.check()
    with pytest.raises(OutOfTimeError, match=r"^not done within 3 s$"):
        budget.check()


def test_budget_starts_at_creation() -> None:
    late = ticking()
    for _ in range(100):
        late()

    Budget(1, late).check()


def test_no_budget_never_ends(picture: torch.Tensor) -> None:
    ask(Linear(), picture).budget.check()


def test_step_runs_the_model_on_each_copy(picture: torch.Tensor) -> None:
    model = Linear()

    logits = ask(model, picture).logits(torch.cat([picture, 2 * picture]))

    torch.testing.assert_close(logits[1], 2 * logits[0])
    assert logits.shape == (2, 2)
    assert model.batches == [2]


def test_model_is_not_run_once_time_is_spent(picture: torch.Tensor) -> None:
    model = Linear()
    task = ask(model, picture, budget=Budget(-1))

    with pytest.raises(OutOfTimeError):
        task.logits(picture)

    assert model.batches == []

"""The time of one explanation, and the steps that are taken within it."""

import pytest
import torch

from handlers.explainers.task import Budget, OutOfTimeError
from tests.handlers.explainers.known import Linear, ask, ticking


def test_there_is_time_until_the_last_moment_and_not_after() -> None:
    budget = Budget(3, ticking())

    for _ in range(3):
        budget.check()
    with pytest.raises(OutOfTimeError, match=r"^not done within 3 s$"):
        budget.check()


def test_the_time_begins_when_the_budget_is_made() -> None:
    late = ticking()
    for _ in range(100):
        late()

    Budget(1, late).check()


def test_without_a_budget_there_is_no_end(picture: torch.Tensor) -> None:
    ask(Linear(), picture).budget.check()


def test_a_step_is_the_model_on_each_copy(picture: torch.Tensor) -> None:
    model = Linear()

    logits = ask(model, picture).logits(torch.cat([picture, 2 * picture]))

    torch.testing.assert_close(logits[1], 2 * logits[0])
    assert logits.shape == (2, 2)
    assert model.batches == [2]


def test_out_of_time_the_model_is_not_run(picture: torch.Tensor) -> None:
    model = Linear()
    task = ask(model, picture, budget=Budget(-1))

    with pytest.raises(OutOfTimeError):
        task.logits(picture)

    assert model.batches == []

"""Test seeded random numbers that leave the global generators unchanged."""

import numpy as np
import pytest
import torch

from handlers.explainers.captum_methods import seeded


def draw() -> list[float]:
    return [*torch.rand(3).tolist(), *np.random.uniform(size=3)]


def test_seeded_block_is_deterministic() -> None:
    found = []
    for _ in range(2):
        draw()
        with seeded():
            found.append(draw())

    assert found[0] == found[1]


def test_another_seed_gives_other_numbers() -> None:
    with seeded(1):
        one = draw()
    with seeded(2):
        two = draw()

    assert not set(one) & set(two)


@pytest.mark.parametrize("fails", [False, True])
def test_restores_the_random_state(fails: bool) -> None:
    with seeded(1):
        wanted = [draw(), draw()]

    with seeded(1):
        found = [draw()]
        try:
            with seeded(2):
                draw()
                assert not fails
        except AssertionError:
            pass
        found.append(draw())

    assert found == wanted

"""Test that the attacks of `make attack` do not stop the service."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from loadtests.attack.attacks import ATTACKS
from loadtests.attack.targets import WORKERS, Attack, Target, target
from serving.local import LocalServer

TOLERANCE = 5.0
"""Other tests run on the same cores: a bound of time is to show a service that stands still."""


@pytest.fixture(scope="session")
def attacked(
    start: Callable[..., LocalServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """Server of two workers and a page, which are attacked in turn."""
    scratch = tmp_path_factory.mktemp("attack")
    with target(start(workers=WORKERS), scratch, TOLERANCE, quick=True) as started:
        yield started


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_attack_does_not_affect_other_clients(attacked: Target, attack: Attack) -> None:
    outcome = attack(attacked)

    assert outcome.passed, f"{outcome.name} ({outcome.sent}): {outcome.detail}"


def test_covers_every_attack() -> None:
    names = [attack.__name__ for attack in ATTACKS]

    assert len(names) == len(set(names)) >= 20

"""Test that the attacks of `make attack` do not stop the service."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from loadtests.attack import occupation, page
from loadtests.attack.attacks import ATTACKS
from loadtests.attack.targets import WORKERS, Attack, Target, target
from serving.local import LocalServer
from tests.e2e.conftest import RUNTIMES

TOLERANCE = 5.0
"""Other tests run on the same cores: a bound of time is to show a service that stands still."""


OF_THE_PAGE = (occupation.slow_page, page.cross_site, page.slow_uploads, page.senders_who_hang_up)
OF_THE_SERVER = tuple(attack for attack in ATTACKS if attack not in OF_THE_PAGE)


@pytest.fixture(scope="session")
def attacked(
    start: Callable[..., LocalServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """Server of two workers and a page, which are attacked in turn."""
    scratch = tmp_path_factory.mktemp("attack")
    with target(start(workers=WORKERS), scratch, TOLERANCE, quick=True) as started:
        yield started


def harms_nobody_else(attack: Attack, attacked: Target) -> None:
    outcome = attack(attacked)
    assert outcome.passed, f"{outcome.name} ({outcome.sent}): {outcome.detail}"


@pytest.mark.parametrize("runtime", RUNTIMES[:1], indirect=True, scope="session")
@pytest.mark.parametrize("attack", OF_THE_PAGE, ids=lambda attack: attack.__name__)
def test_an_attack_on_the_page_harms_nobody_else(attacked: Target, attack: Attack) -> None:
    """The page is the same in front of every runtime."""
    harms_nobody_else(attack, attacked)


@pytest.mark.parametrize("attack", OF_THE_SERVER, ids=lambda attack: attack.__name__)
def test_attack_does_not_affect_other_clients(attacked: Target, attack: Attack) -> None:
    harms_nobody_else(attack, attacked)


def test_covers_every_attack() -> None:
    names = [attack.__name__ for attack in ATTACKS]

    assert len(names) == len(set(names)) >= 20

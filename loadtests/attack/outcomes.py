"""Interface of an attack: a function of a target that returns an outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from loadtests.attack.targets import Target


@dataclass(frozen=True)
class Outcome:
    """Outcome of one attack."""

    name: str
    """Name in the table of outcomes."""

    sent: str
    """Description of what was sent or done."""

    passed: bool
    """Whether the service behaved as required."""

    detail: str
    """Measured values, or what went wrong; quotes no input."""


Attack = Callable[[Target], Outcome]

"""What an attack is: a function of a target that says whether the service held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from loadtests.attack.targets import Target


@dataclass(frozen=True)
class Outcome:
    """Of one attack."""

    name: str
    """In a table."""

    sent: str
    """What was sent or done."""

    passed: bool
    """Whether the service did what it must."""

    detail: str
    """What was measured, or what went wrong; quotes no input."""


Attack = Callable[[Target], Outcome]

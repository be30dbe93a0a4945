"""Clock that a test sets, for what takes a function of the time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """Time in seconds; called like ``time.time`` or ``time.monotonic``."""

    now: float

    def __call__(self) -> float:
        return self.now

"""Wait with a deadline, and report the last observation."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

POLL_SECONDS: Final = 1.0


def until(
    check: Callable[[], T | None],
    seconds: float,
    what: str,
    seen: Callable[[], str] = lambda: "",
) -> T:
    """Wait until a check returns a true value.

    Args:
        check: polled about once a second.
        seconds: until the wait fails.
        what: is waited for; begins the failure's message.
        seen: called when time is up, for the end of the message.

    Raises:
        AssertionError: time is up.
    """
    deadline = time.monotonic() + seconds
    while True:
        if found := check():
            return found
        if time.monotonic() > deadline:
            words = seen()
            raise AssertionError(
                f"not within {seconds:g} s: {what}" + (f" ({words})" * bool(words))
            )
        time.sleep(POLL_SECONDS)

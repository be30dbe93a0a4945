"""Check the logs after all other attacks."""

from __future__ import annotations

import re
from typing import Final

from loadtests.attack.outcomes import Outcome
from loadtests.attack.targets import Target

BUGS: Final = re.compile(rb"Traceback|Exception in |never retrieved|never awaited")
"""Texts that Python prints for an uncaught exception."""


def no_tracebacks(target: Target) -> Outcome:
    """Check that no attack made server, workers or page print a traceback."""
    found = BUGS.findall(target.logged())
    return Outcome(
        "no traceback",
        "everything above",
        not found,
        f"{len(found)} in the logs of server, workers and page",
    )

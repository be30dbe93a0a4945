"""What all other attacks together leave in the logs."""

from __future__ import annotations

import re
from typing import Final

from loadtests.attack.outcomes import Outcome
from loadtests.attack.targets import Target

BUGS: Final = re.compile(rb"Traceback|Exception in |never retrieved|never awaited")
"""What Python prints where nobody caught an exception."""


def no_tracebacks(target: Target) -> Outcome:
    """Nothing that was sent before this made server, workers or page print a traceback."""
    found = BUGS.findall(target.logged())
    return Outcome(
        "no traceback",
        "everything above",
        not found,
        f"{len(found)} in the logs of server, workers and page",
    )

"""Summary of tests skipped for missing programs, with the commands to install them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

REASON = "{program} is missing: apt-get install {packages}"
EXTRA = "{package} is missing: {command}"
"""Of a Python package that is an operator's choice."""
_REASON = re.compile(r"(?:Skipped: )?(\S+) is missing: (apt-get install|make) (.+)")


def table(reasons: Iterable[str]) -> list[str]:
    """Count skipped tests by missing program, a line each; empty if none is missing.

    Args:
        reasons: of skipped tests, those for other reasons included.
    """
    counts: Counter[str] = Counter()
    packages: dict[str, None] = {}
    targets: dict[str, None] = {}
    for reason in reasons:
        if found := _REASON.fullmatch(reason):
            counts[found[1]] += 1
            if found[2] == "make":
                targets[f"make {found[3]}"] = None
            else:
                packages |= dict.fromkeys(found[3].split())
    if not counts:
        return []
    lines = [f"{count:6} tests need {program}" for program, count in counts.most_common()]
    install = f"apt-get install --no-install-recommends {' '.join(packages)}"
    commands = [*([install] if packages else []), *targets]
    return [*lines, f"to run them: {' && '.join(commands)}"]

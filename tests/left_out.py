"""Which tests a machine leaves out for want of a program, and the one command that brings them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

REASON = "{program} is missing: apt-get install {packages}"
_REASON = re.compile(r"(?:Skipped: )?(\S+) is missing: apt-get install (.+)")


def table(reasons: Iterable[str]) -> list[str]:
    """Lines that count the tests by program; empty where none is missing.

    Args:
        reasons: of skipped tests, those for other reasons included.
    """
    counts: Counter[str] = Counter()
    packages: dict[str, None] = {}
    for reason in reasons:
        if found := _REASON.fullmatch(reason):
            counts[found[1]] += 1
            packages |= dict.fromkeys(found[2].split())
    if not counts:
        return []
    lines = [f"{count:6} tests need {program}" for program, count in counts.most_common()]
    return [*lines, f"to run them: apt-get install --no-install-recommends {' '.join(packages)}"]

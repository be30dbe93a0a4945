"""Decision log: one JSON line per photograph answered, for operators who must keep records.

Off by default. A line has no pixel, no file name and no caller; how long lines are kept is the
operator's decision.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from handlers.answers import Prediction
from handlers.groups import Groups
from handlers.protocol import Verb


def write(
    verb: Verb, predictions: Sequence[Prediction], groups: Sequence[Groups], seconds: float
) -> None:
    """Write the lines of one answer to standard output, at once.

    Args:
        verb: of the request.
        predictions: one per photograph, as they are answered.
        groups: declared ones of each photograph.
        seconds: from the arrival of the request's batch to its answer.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    head = {"decided": now, "verb": verb, "seconds": round(seconds, 4)}
    lines = [
        json.dumps(head | prediction | {"groups": dict(own)}) + "\n"
        for prediction, own in zip(predictions, groups, strict=True)
    ]
    sys.stdout.write("".join(lines))
    sys.stdout.flush()

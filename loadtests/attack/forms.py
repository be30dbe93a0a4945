"""Form bodies: TorchServe would parse and log them, so none may reach it."""

from __future__ import annotations

import time
from typing import Final

from loadtests.attack.pictures import with_camera
from loadtests.attack.targets import PREDICT, Outcome, Target, ordinary
from loadtests.attack.wire import exchange, request

FORM: Final = "application/x-www-form-urlencoded"
MARKER: Final = "ATTACK-CAMERA-MAKER-5D2C"
MAX_GAP_SECONDS: Final = 10.0
"""Maximum seconds between two answers to ordinary clients; parsing these bodies took 12 to 51."""
ALONGSIDE_SECONDS: Final = 2.0
"""Seconds for which ordinary clients continue after the bodies were answered."""


def camera_in_a_form(target: Target) -> Outcome:
    """Send a photograph as curl does with ``--data-binary``: its EXIF must not reach a log."""
    body = with_camera(target.photographs[0], MARKER)
    response = exchange(target.port, request(PREDICT, body, FORM))
    answer = response.body + repr(response.headers).encode()
    leaks = [
        place
        for place, text in (("the answer", answer), ("a log", target.logged()))
        if MARKER.encode() in text
    ]
    is_json = isinstance(response.document, dict) and "error" in response.document
    return Outcome(
        "form body: EXIF",
        "a photograph with EXIF as a form body",
        response.status == 415 and is_json and not leaks,
        f"status {response.status}; marker in {' and '.join(leaks) or 'no answer and no log'}",
    )


def forged_log(target: Target) -> Outcome:
    """Send lines that look like TorchServe's own log: they must have no effect."""
    before = target.workers()
    line = b"\n2026-01-01T00:00:00 [ERROR] MODEL_LOG - ArchiveError: forged\nLoad model failed\n"
    body = (line * (5_000_000 // len(line) + 1))[:5_000_000]
    statuses = {
        exchange(target.port, request(path, body, FORM)).status
        for path in (PREDICT, f"{PREDICT}?instances=")
    }
    time.sleep(1.5)  # time in which a supervisor that believes them would act
    answered = exchange(target.port, request(PREDICT, target.photographs[0])).status
    found = b"ArchiveError: forged" in target.logged()
    unchanged = target.workers() == before
    return Outcome(
        "form body: forged log",
        "5 MB of lines like those of a failed start",
        answered == 200 and unchanged and not found,
        f"statuses {sorted(statuses)}; the next prediction {answered}; workers "
        f"{'unchanged' if unchanged else 'restarted'}; lines {'' if found else 'not '}in the log",
    )


def many_pairs(target: Target) -> Outcome:
    """Send forms of millions of pairs, which take a parser seconds to minutes of a core."""
    sizes = (4_000_000, 19_000_000, 32_000_000, 32_000_000)
    statuses = []
    with ordinary(target) as tally:
        time.sleep(0.5)
        start = time.monotonic()
        for size in sizes:
            body = (b"a=1&" * (size // 4 + 1))[:size]
            statuses.append(exchange(target.port, request(PREDICT, body, FORM)).status)
        time.sleep(ALONGSIDE_SECONDS)
        gap = tally.longest_gap(start, time.monotonic())
    refused = all(status in (0, 413, 415) for status in statuses)
    return Outcome(
        "form body: many pairs",
        "a=1&a=1&... of 4, 19, 32 and 32 MB",
        refused and tally.unharmed and gap <= MAX_GAP_SECONDS * target.tolerance,
        f"statuses {statuses}; {tally.summary}; longest gap {gap:.1f} s",
    )
